//! Tables of other shapes: composite identities, dates, odd names, enums, keys of every kind.

use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

mod rank {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "Grade")]
    pub enum Grade {
        #[sea_orm(string_value = "low")]
        Low,
        #[sea_orm(string_value = "high")]
        High,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(schema_name = "Odd Schema", table_name = "Rank's \"History\"")]
    #[history(identity("tenant", "r#type"), valid_from = "since", valid_to = "until")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub r#type: i16,
        #[sea_orm(primary_key, auto_increment = false, column_name = "valid since")]
        pub since: Date,
        #[sea_orm(column_name = "and so \"on\"")]
        pub until: Option<Date>,
        pub grade: Grade,
        pub tags: Vec<String>,
        pub rate: Option<Decimal>,
        pub notes: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use rank::{Column, Entity as Rank, Grade};

async fn ranks() -> Database {
    Database::from_template("ranks", async |db| {
        db.execute_unprepared(
            r#"create extension if not exists btree_gist;
               create schema "Odd Schema";
               create type "Grade" as enum ('low', 'high');
               create table "Odd Schema"."Of" (a text, b smallint, primary key (b, a));
               create table "Odd Schema"."Rank's ""History""" (
                   tenant text not null,
                   type smallint not null,
                   "valid since" date not null,
                   "and so ""on""" date,
                   grade "Grade" not null,
                   tags text[] not null,
                   rate numeric(6, 2),
                   notes json,
                   doubled numeric generated always as (rate * 2) stored,
                   primary key (tenant, type, "valid since"),
                   foreign key (type, tenant) references "Odd Schema"."Of" (b, a),
                   exclude using gist (type with =, tenant with =, daterange("valid since", "and so ""on""") with &&)
               );
               insert into "Odd Schema"."Of" values ('it''s', 1)"#,
        )
        .await?;
        SchemaManager::new(&db).install_archive().await?;
        Ok(())
    })
    .await
}

fn day(day: u32) -> Date {
    Date::from_ymd_opt(2024, 5, day).unwrap()
}

fn id() -> (String, i16) {
    ("it's".to_owned(), 1)
}

#[tokio::test]
async fn history_with_composite_identity_dates_enums_arrays_and_odd_names() {
    let database = ranks().await;
    let db = database.connect().await;
    Rank::start(id())
        .value(Column::Grade, Grade::Low)
        .value(Column::Tags, vec!["a".to_owned(), "b'\"".to_owned()])
        .value(Column::Rate, Decimal::new(15, 1))
        .value(Column::Notes, serde_json::json!({ "a": [1, null] }))
        .valid_from(day(1))
        .exec(&db)
        .await
        .unwrap();
    // 1.5 and 1.50 are equal.
    let same = Rank::change(id())
        .value(Column::Rate, Decimal::new(15, 1))
        .valid_from(day(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(same.since, day(1));
    let high = Rank::change(id())
        .value(Column::Grade, Grade::High)
        .valid_from(day(3))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (high.grade, high.tags.len(), high.rate),
        (Grade::High, 2, Some(Decimal::new(150, 2)))
    );
    Rank::change(id())
        .value(Column::Notes, serde_json::json!([]))
        .value(Column::Grade, Grade::Low)
        .during(day(2)..day(5))
        .exec(&db)
        .await
        .unwrap();
    let timeline = Rank::find_timeline(id()).all(&db).await.unwrap();
    let starts: Vec<_> = timeline.iter().map(|v| v.since).collect();
    assert_eq!(starts, [day(1), day(2), day(5)]);
    assert_eq!(timeline[1].until, Some(day(5)));
    let to_high = Rank::find_changes(Column::Grade)
        .of(id())
        .to_value(Grade::High)
        .all(&db)
        .await
        .unwrap();
    assert_eq!(to_high[0].after.since, day(5));
    // Two changes on one day write one version.
    let today = Rank::change(id())
        .value(Column::Rate, Decimal::ONE)
        .exec(&db)
        .await
        .unwrap();
    let again = Rank::change(id())
        .value(Column::Rate, Decimal::TWO)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(today.since, again.since);
    assert_eq!(Rank::find_timeline(id()).all(&db).await.unwrap().len(), 4);
    Rank::end(id())
        .at(day(5) + (day(5) - day(1)) * 1000)
        .exec(&db)
        .await
        .unwrap();
}

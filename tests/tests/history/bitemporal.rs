//! Transaction time: what was known, and when.

use sea_orm::DatabaseConnection;
use sea_orm::prelude::*;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::{Database, sql};
use sea_orm_migration::SchemaManager;

mod price {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "price")]
    #[history(identity = "product_id", recorded_by = "who", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub product_id: i64,
        pub cents: i64,
        pub valid_from: Date,
        pub valid_to: Option<Date>,
        pub who: Option<String>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use price::{Column, Entity as Price};

async fn prices() -> Database {
    Database::from_template("prices", async |db| {
        db.execute_unprepared(
            "create extension if not exists btree_gist;
             create table product (id bigint primary key);
             create table price (
                 id uuid primary key,
                 product_id bigint not null references product,
                 cents bigint not null,
                 valid_from date not null,
                 valid_to date check (valid_to > valid_from),
                 who text,
                 recorded_from timestamptz not null,
                 recorded_to timestamptz check (recorded_to > recorded_from),
                 exclude using gist (product_id with =, daterange(valid_from, valid_to) with &&) where (recorded_to is null)
             );
             create unique index on price (product_id, valid_from) where recorded_to is null;
             insert into product values (1)",
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

async fn now(db: &DatabaseConnection) -> DateTimeUtc {
    sql::one(db, "select clock_timestamp()").await
}

async fn timeline(db: &DatabaseConnection, known: Option<DateTimeUtc>) -> String {
    let versions = match known {
        None => Price::find_timeline(1),
        Some(known) => Price::as_known_at(known).find_timeline(1),
    };
    let show = |day: Date| day.format("%-d").to_string();
    let versions: Vec<_> = versions
        .all(db)
        .await
        .unwrap()
        .into_iter()
        .map(|v| {
            let by = v.who.unwrap_or_default();
            format!(
                "{}{by}@{}-{}",
                v.cents,
                show(v.valid_from),
                v.valid_to.map(show).unwrap_or_default()
            )
        })
        .collect();
    versions.join(" ")
}

#[tokio::test]
async fn superseded_versions_stay_readable_as_known_then() {
    let database = prices().await;
    let db = database.connect().await;
    let empty = now(&db).await;
    Price::start(1)
        .value(Column::Cents, 100_i64)
        .valid_from(day(1))
        .by("ann")
        .exec(&db)
        .await
        .unwrap();
    let first = now(&db).await;
    Price::change(1)
        .value(Column::Cents, 200_i64)
        .valid_from(day(10))
        .by("bob")
        .exec(&db)
        .await
        .unwrap();
    let second = now(&db).await;
    // Recorded late: the price was 200 from the sixth on already.
    Price::change(1)
        .value(Column::Cents, 200_i64)
        .during(day(6)..day(10))
        .exec(&db)
        .await
        .unwrap();
    let third = now(&db).await;
    Price::correct(1, day(2))
        .value(Column::Cents, 90_i64)
        .by("eve")
        .exec(&db)
        .await
        .unwrap();

    assert_eq!(timeline(&db, Some(empty)).await, "");
    assert_eq!(timeline(&db, Some(first)).await, "100ann@1-");
    assert_eq!(timeline(&db, Some(second)).await, "100bob@1-10 200bob@10-");
    assert_eq!(
        timeline(&db, Some(third)).await,
        "100@1-6 200@6-10 200bob@10-"
    );
    assert_eq!(timeline(&db, None).await, "90eve@1-6 200@6-10 200bob@10-");
    let known = Price::as_known_at(second);
    let then = known
        .find_version_at(1, day(7))
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(then.cents, 100);
    assert_eq!(
        Price::find_version_at(1, day(7))
            .one(&db)
            .await
            .unwrap()
            .unwrap()
            .cents,
        200
    );
    assert_eq!(
        known.find_valid_at(day(20)).all(&db).await.unwrap().len(),
        1
    );
    assert_eq!(
        known.find_changes(Column::Cents).all(&db).await.unwrap()[0]
            .after
            .valid_from,
        day(10)
    );
    assert_eq!(
        Price::find_changes(Column::Cents).all(&db).await.unwrap()[0]
            .after
            .valid_from,
        day(6)
    );
    assert!(known.find_gaps().all(&db).await.unwrap().is_empty());
    assert_eq!(
        known
            .find_scheduled_after(1, day(9))
            .all(&db)
            .await
            .unwrap()
            .len(),
        1
    );
    // No row was deleted.
    assert_eq!(Price::find().count(&db).await.unwrap(), 6);
}

#[tokio::test]
async fn every_version_has_the_actor_that_wrote_it() {
    let database = prices().await;
    let db = database.connect().await;
    Price::start(1)
        .value(Column::Cents, 1_i64)
        .valid_from(day(1))
        .by("ann")
        .exec(&db)
        .await
        .unwrap();
    let ended = Price::end(1).at(day(9)).by("bob").exec(&db).await.unwrap();
    assert_eq!(ended.who.as_deref(), Some("bob"));
    assert_eq!(timeline(&db, None).await, "1bob@1-9");
}

//! Archive and restore of a bitemporal history: superseded versions are archived and restored too.

use sea_orm::prelude::*;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::history::departments::run;

mod product {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "products")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub prices: HasMany<super::price::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod price {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveHistory};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveHistory)]
    #[sea_orm(table_name = "prices")]
    #[history(identity("shop", "number"), recorded_by = "who", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shop: String,
        pub number: i32,
        pub cents: i64,
        pub valid_from: Date,
        pub valid_to: Option<Date>,
        pub who: Option<String>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
        #[sea_orm(belongs_to, from = "(shop, number)", to = "(shop, number)")]
        pub product: BelongsTo<super::product::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use price::{Column, Entity as Prices};

async fn shops() -> Database {
    Database::from_template("shops", async |db| {
        let manager = SchemaManager::new(&db);
        manager.install_archive().await?;
        run(
            &db,
            "create table products (shop text, number int, primary key (shop, number));
             insert into products values ('it''s', 9), ('it''s', 10), ('b', 1)",
        )
        .await;
        manager
            .create_history_table(
                HistoryTable::new("prices")
                    .identity_columns(["shop", "number"], "products")
                    .column(sea_orm_migration::schema::big_integer("cents"))
                    .recorded_by("who", sea_orm_migration::prelude::ColumnType::Text)
                    .dates()
                    .bitemporal(),
            )
            .await?;
        for table in ["products", "prices"] {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    })
    .await
}

fn day(day: u32) -> Date {
    Date::from_ymd_opt(2024, 5, day).unwrap()
}

fn id(shop: &str, number: i32) -> (String, i32) {
    (shop.to_owned(), number)
}

#[tokio::test]
async fn superseded_versions_are_restored_too() {
    let database = shops().await;
    let db = database.connect().await;
    let nine = || id("it's", 9);
    Prices::start(nine())
        .value(Column::Cents, 100_i64)
        .valid_from(day(1))
        .exec(&db)
        .await
        .unwrap();
    Prices::change(nine())
        .value(Column::Cents, 200_i64)
        .valid_from(day(5))
        .by("ann")
        .exec(&db)
        .await
        .unwrap();
    Prices::correct(nine(), day(2))
        .value(Column::Cents, 90_i64)
        .by("bob")
        .exec(&db)
        .await
        .unwrap();
    let all = Prices::find().all(&db).await.unwrap();
    assert_eq!(all.len(), 4);
    let archival = product::Entity::archive_by_id(nine())
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(Prices::find().count(&db).await.unwrap(), 0);
    archival.restore(&db).await.unwrap();
    let mut back = Prices::find().all(&db).await.unwrap();
    back.sort_by_key(|price| all.iter().position(|old| old.id == price.id));
    assert_eq!(back, all);
    assert_eq!(
        Prices::find_timeline(nine()).all(&db).await.unwrap().len(),
        2
    );
}

/// Race: opposite merges of composite identities. Both lock in the order of the keys: `b` first, 9 before 10.
#[tokio::test]
async fn opposite_merges_of_composite_identities_do_not_deadlock() {
    let database = shops().await;
    let db = database.connect().await;
    for (shop, number) in [("it's", 9), ("it's", 10), ("b", 1)] {
        let start = Prices::start(id(shop, number)).value(Column::Cents, i64::from(number));
        start.valid_from(day(1)).exec(&db).await.unwrap();
    }
    let (one, other) = (db.clone(), db.clone());
    let (first, second) = tokio::join!(
        Prices::merge(id("it's", 10))
            .into_identity(id("it's", 9))
            .at(day(3))
            .by("x")
            .exec(&one),
        Prices::merge(id("it's", 9))
            .into_identity(id("it's", 10))
            .at(day(4))
            .by("y")
            .exec(&other),
    );
    // Either may be first; the other may find that one of the two identities has ended.
    assert!(first.is_ok() || second.is_ok());
    let merged = Prices::merge(id("b", 1))
        .into_identity(id("it's", 9))
        .exec(&db)
        .await;
    assert!(
        matches!(
            merged,
            Ok(_) | Err(Error::NotFound(NotFoundError::Version { .. }))
        ),
        "{merged:?}"
    );
}

/// The current date is that of the session: the same call in two time zones.
#[tokio::test]
async fn current_date_is_that_of_the_sessions_time_zone() {
    let database = shops().await;
    let east = database.session("east").await;
    let db = east.db();
    run(&db, "set timezone = 'Pacific/Kiritimati'; set datestyle = 'German, DMY'; set intervalstyle = 'sql_standard'").await;
    let price = Prices::start(id("b", 1))
        .value(Column::Cents, 1_i64)
        .exec(&db)
        .await
        .unwrap();
    let west = database.session("west").await;
    run(&west.db(), "set timezone = 'Pacific/Pago_Pago'").await;
    let other = Prices::start(id("it's", 9)).value(Column::Cents, 1_i64);
    let other = other.exec(&west.db()).await.unwrap();
    assert!(price.valid_from > other.valid_from);
    assert!(
        Prices::find_current_version(id("b", 1))
            .one(&db)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        Prices::find_current_version(id("b", 1))
            .one(&west.db())
            .await
            .unwrap()
            .is_none()
    );
    let error = Prices::start(id("b", 1))
        .value(Column::Cents, 1_i64)
        .valid_from(day(1))
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Overlap { .. })),
        "{error}"
    );
}

//! A history records the actor of the context.

use sea_orm::ConnectionTrait;
use sea_orm_archive::Context;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::{ArchiveSchema, HistorySchema, HistoryTable};
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;
use sea_orm_migration::prelude::{ColumnDef, ColumnType};

pub mod price {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "price_history")]
    #[history(identity = "product_id", recorded_by = "who", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub product_id: i64,
        pub price: i32,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
        pub who: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A product (1) that has no price yet.
pub async fn shop() -> Database {
    let shop = Database::empty().await;
    let db = shop.connect().await;
    let manager = SchemaManager::new(&db);
    db.execute_unprepared(
        "create table products (id bigint primary key); insert into products values (1)",
    )
    .await
    .unwrap();
    manager.install_archive().await.unwrap();
    manager
        .create_history_table(
            HistoryTable::new("price_history")
                .identity("product_id", "products")
                .column(ColumnDef::new("price").integer().not_null().to_owned())
                .recorded_by("who", ColumnType::Char(Some(8)))
                .bitemporal(),
        )
        .await
        .unwrap();
    shop
}

#[tokio::test]
async fn recorded_by_is_the_actor_of_the_context() {
    let shop = shop().await;
    let db = shop.connect().await;
    let manager = SchemaManager::new(&db);
    let txn = Context::new().actor("alice").begin(&db).await.unwrap();
    let started = price::Entity::start(1)
        .value(price::Column::Price, 5)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(started.who.as_deref().map(str::trim_end), Some("alice"));
    txn.commit().await.unwrap();
    let txn = Context::new().actor("bob").begin(&db).await.unwrap();
    let changed = price::Entity::change(1)
        .value(price::Column::Price, 6)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(changed.who.as_deref().map(str::trim_end), Some("bob"));
    let by_carol = price::Entity::change(1)
        .value(price::Column::Price, 7)
        .by("carol")
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(by_carol.who.as_deref().map(str::trim_end), Some("carol"));
    txn.commit().await.unwrap();
    let without_actor = price::Entity::change(1)
        .value(price::Column::Price, 8)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(without_actor.who, None);
    // The default of `who` calls a function of the archive and is dropped with it.
    manager.uninstall_archive().await.unwrap();
    db.execute_unprepared("insert into price_history (product_id, price, valid_from, valid_to, recorded_from) values (1, 1, '2000-01-01', '2000-01-02', now())")
        .await
        .unwrap();
}

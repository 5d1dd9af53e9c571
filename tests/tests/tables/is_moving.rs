//! What `archive.is_moving` returns to triggers of the application.

use sea_orm::DatabaseConnection;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{one, run};
use sea_orm_migration::SchemaManager;

mod event {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Partitioned events with a domain as key, and a trigger that refuses deletions.
async fn events() -> (Database, DatabaseConnection) {
    let database = Database::empty().await;
    let db = database.connect().await;
    let manager = SchemaManager::new(&db);
    manager.install_archive().await.unwrap();
    run(
        &db,
        "create domain event_id as bigint;
         create table events (id event_id primary key) partition by range (id);
         create table events_1 partition of events for values from (0) to (100)",
    )
    .await;
    manager.archive_existing_table("events").await.unwrap();
    run(
        &db,
        "create function refuse_delete() returns trigger language plpgsql as $$ begin raise exception 'archive it'; end $$;
         create trigger refuse_delete after delete on events for each row
         when (not archive.is_moving('events')) execute function refuse_delete();
         insert into events values (1), (2)",
    )
    .await;
    (database, db)
}

#[tokio::test]
async fn trigger_that_refuses_deletions_lets_archives_pass() {
    let (_database, db) = events().await;
    for statement in ["delete from events", "delete from events_1"] {
        let error = sea_orm::ConnectionTrait::execute_unprepared(&db, statement).await;
        assert!(error.unwrap_err().to_string().contains("archive it"));
    }
    event::Entity::archive_by_id(1).exec(&db).await.unwrap();
    event::Entity::restore_by_id(1).exec(&db).await.unwrap();
    event::Entity::archive_many().exec(&db).await.unwrap();
}

/// A pooled session may have the setting of an earlier user. In a transaction without an id nothing has moved.
#[tokio::test]
async fn setting_without_a_transaction_id_does_not_count() {
    let (database, _) = events().await;
    let session = database.session("one").await;
    let db = session.db();
    run(
        &db,
        "select set_config('archive.moving', ':,' || 'events'::regclass::oid || ',', false)",
    )
    .await;
    assert!(!one::<bool>(&db, "select archive.is_moving('events') as v").await);
    assert!(!one::<bool>(&db, "select archive.is_moving('events_1') as v").await);
}

/// A partition counts with the table, and by itself.
#[tokio::test]
async fn partition_moves_with_its_table_and_by_itself() {
    let (_database, db) = events().await;
    for (listed, asked, moves) in [
        ("events", "events_1", true),
        ("events_1", "events_1", true),
        ("events_1", "events", false),
    ] {
        let query = format!(
            "select set_config('archive.moving', pg_current_xact_id() || ':,1,~' || '{listed}'::regclass::oid || ',', true) is not null
                 and archive.is_moving('{asked}') as v"
        );
        assert_eq!(one::<bool>(&db, &query).await, moves, "{listed} {asked}");
    }
}

/// The archival record contains an integer where the domain of the key is one.
#[tokio::test]
async fn deleted_list_contains_rows_with_a_domain_as_key() {
    let (_database, db) = events().await;
    event::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let listed = event::Entity::find_deleted_roots().all(&db).await.unwrap();
    assert_eq!(listed.len(), 1);
}

//! Two-phase commit: what was moved is prepared in one session, and committed or rolled back in another one.

use sea_orm::{DatabaseConnection, TransactionTrait};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{check, event};
use sea_orm_archive_migration::{EventSchema, Guard, GuardSchema};
use sea_orm_archive_tests::connect;
use sea_orm_archive_tests::sql::{count, dump, number, refused, run, texts};
use sea_orm_migration::SchemaManager;
use throwaway_postgres::Postgres;

use super::notes::{comment, migrate, note};

const TABLES: [&str; 5] = [
    "notes",
    "comments",
    "deleted_notes",
    "deleted_comments",
    "archive.archival",
];

async fn server() -> (Postgres, DatabaseConnection) {
    let server = Postgres::builder()
        .setting("max_prepared_transactions", "5")
        .start()
        .unwrap();
    let db = connect(&server.url("postgres")).await;
    migrate(&db).await.unwrap();
    (server, db)
}

async fn state(db: &DatabaseConnection) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push(dump(db, table).await);
    }
    rows
}

#[tokio::test]
async fn moves_are_prepared_in_one_session_and_committed_in_another_one() {
    let (_server, db) = server().await;
    let manager = SchemaManager::new(&db);
    manager
        .guard_table("comments", Guard::catch())
        .await
        .unwrap();
    let restored = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let purged = note::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let before = state(&db).await;
    let entries = number(&db, "select max(id) from archive.audit_entry").await;
    for end in ["rollback prepared 'moves'", "commit prepared 'moves'"] {
        let txn = db.begin().await.unwrap();
        restored.clone().restore(&txn).await.unwrap();
        purged.clone().purge(&txn).await.unwrap();
        note::Entity::archive_by_id(3).exec(&txn).await.unwrap();
        run(&txn, "delete from comments where id = 4").await;
        run(&txn, "prepare transaction 'moves'").await;
        // The session has no transaction now, and ends.
        drop(txn);
        assert_eq!(state(&db).await, before);
        run(&db, end).await;
        if end.starts_with("rollback") {
            assert_eq!(state(&db).await, before);
        }
    }
    let ids = |table: &str| format!("select id::text from {table} where id < 6 order by id");
    assert_eq!(texts(&db, &ids("notes")).await, ["1", "4", "5"]);
    assert_eq!(texts(&db, &ids("deleted_notes")).await, ["3"]);
    assert_eq!(texts(&db, &ids("comments")).await, ["1", "5"]);
    assert_eq!(texts(&db, &ids("deleted_comments")).await, ["3", "4"]);
    let records = "select concat_ws(' ', root_key->>'id', row_counts->>'public.comments', restored_at is not null, purged_at is not null) from archive.archival order by 1";
    assert_eq!(
        texts(&db, records).await,
        ["1 1 t f", "2 1 f t", "3 1 f f", "4 1 f f"]
    );
    assert_eq!(count(&db, "archive.caught").await, 0);
    let logged = format!(
        "select concat_ws(' ', operation, key->>'id') from archive.audit_entry where table_name = 'public.comments' and id > {entries} order by id"
    );
    assert_eq!(
        texts(&db, &logged).await,
        ["RESTORE 1", "DELETE 2", "ARCHIVE 3", "DELETE 4", "INSERT 4"]
    );
    note::Entity::restore_by_id(3).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(4).exec(&db).await.unwrap();
    assert_eq!(check(&db).await.unwrap(), []);
}

/// An event is written with NOTIFY at the end of the transaction, under a lock that every later event waits for.
#[tokio::test]
async fn transaction_with_an_event_is_not_prepared() {
    let (_server, db) = server().await;
    SchemaManager::new(&db).enable_events().await.unwrap();
    let before = state(&db).await;
    let txn = db.begin().await.unwrap();
    note::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let refused = refused(&txn, "prepare transaction 'moves'").await;
    assert_eq!(refused.code, "0A000");
    assert!(refused.message.contains("NOTIFY"), "{}", refused.message);
    drop(txn);
    assert_eq!(state(&db).await, before);
    assert_eq!(
        number(&db, "select count(*) from pg_prepared_xacts").await,
        0
    );
    let archival = note::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let events = event::Entity::after(event::Cursor::START).all(&db).await;
    let ids: Vec<_> = events
        .unwrap()
        .iter()
        .map(|event| event.archival_id)
        .collect();
    assert_eq!(ids, [Some(archival.id)]);
}

/// A session that has listened is one of the two that PostgreSQL does not prepare: each move executes UNLISTEN of a channel of its own.
#[tokio::test]
async fn session_that_has_listened_prepares_no_move() {
    let (server, _db) = server().await;
    let mut options = sea_orm::ConnectOptions::new(server.url("postgres"));
    options.max_connections(1);
    let db = sea_orm::Database::connect(options).await.unwrap();
    run(&db, "listen something").await;
    run(&db, "unlisten something").await;
    let txn = db.begin().await.unwrap();
    note::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    let refused = refused(&txn, "prepare transaction 'moves'").await;
    assert_eq!(refused.code, "0A000");
    drop(txn);
    assert_eq!(count(&db, "deleted_notes").await, 0);
}

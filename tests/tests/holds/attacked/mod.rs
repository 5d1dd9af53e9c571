//! What an attack on holds found, and what it did not break.

mod keys;
mod others;
mod races;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::number;

/// Runs `first` in an open transaction, starts `second` elsewhere, and commits the first when the second waits or has ended.
pub(crate) async fn beside(database: &Database, first: &str, second: &str) -> Result<(), DbErr> {
    let (a, b) = (database.connect().await, database.connect().await);
    let txn = a.begin().await?;
    txn.execute_unprepared(first).await?;
    let second = second.to_owned();
    let other = tokio::spawn(async move { b.execute_unprepared(&second).await.map(|_| ()) });
    database.until_waiting(&other).await;
    txn.commit().await?;
    other.await.unwrap()
}

/// Calls archive.purge_archivals, and returns its error.
async fn purge(db: &DatabaseConnection, id: i64) -> Result<(), String> {
    db.execute_unprepared(&format!("select archive.purge_archivals('{{{id}}}')"))
        .await
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Fails unless archive.purge_archivals refuses because of a hold.
async fn assert_kept(db: &DatabaseConnection, table: &str, id: i64, what: &str) {
    let before = number(db, &format!("select count(*) from {table}")).await;
    let purged = purge(db, id).await;
    let after = number(db, &format!("select count(*) from {table}")).await;
    assert_eq!(after, before, "{what}: held rows were purged: {purged:?}");
    assert!(
        purged
            .as_ref()
            .is_err_and(|error| error.contains("under hold")),
        "{what}: {purged:?}"
    );
}

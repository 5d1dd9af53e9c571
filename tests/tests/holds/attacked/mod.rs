//! What an attack on holds found, and what it did not break.

mod keys;
mod others;
mod races;

use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive_tests::sql::number;

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

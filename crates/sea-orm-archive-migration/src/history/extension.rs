//! The extension that an exclusion constraint on a scalar column needs.

use sea_orm_migration::DbErr;

use crate::work::{Work, database_message};

/// Creates `btree_gist` where it is missing: without it, GiST cannot compare the columns of an identity.
pub(crate) async fn ensure(work: &Work) -> Result<(), DbErr> {
    let found = work
        .rows(
            "SELECT FROM pg_catalog.pg_extension WHERE extname = 'btree_gist'",
            [],
        )
        .await?;
    if !found.is_empty() {
        return Ok(());
    }
    // It is created in the first schema of the caller's `search_path`.
    work.run_on_callers_path("CREATE EXTENSION IF NOT EXISTS btree_gist")
        .await
        .map_err(|error| {
            DbErr::Migration(format!(
                "a history table needs the extension btree_gist, which this role could not create: {}; ask the \
                 administrator of the database to run `CREATE EXTENSION btree_gist;` in it once, and migrate again",
                database_message(&error)
            ))
        })
}

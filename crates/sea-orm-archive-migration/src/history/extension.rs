//! The extension that an exclusion constraint over a plain column needs.

use sea_orm_migration::DbErr;

use crate::work::{Work, said};

/// Creates `btree_gist` where it is missing: without it GiST cannot compare an identity.
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
    // It goes to the schema where the caller creates things.
    work.run_on_callers_path("CREATE EXTENSION IF NOT EXISTS btree_gist")
        .await
        .map_err(|error| {
            DbErr::Migration(format!(
                "a history table needs the extension btree_gist, which this role could not create: {}; ask the \
                 administrator of the database to run `CREATE EXTENSION btree_gist;` in it once, and migrate again",
                said(&error)
            ))
        })
}

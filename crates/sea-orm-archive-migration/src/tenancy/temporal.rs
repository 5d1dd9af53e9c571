//! Temporal foreign keys of tables under tenancy.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{tenancy::register, work::Work};

/// Refuses a temporal foreign key from a table under tenancy to a history that is not. When a tenant ends a version of a
/// shared history, the check reads only the rows that this tenant sees, and would miss rows of other tenants that need the
/// version.
///
/// The opposite direction is safe: the check sees every row of the child, and a hidden version counts as missing.
pub(crate) async fn refuse_unseen(work: &Work, tables: Vec<i64>) -> Result<(), DbErr> {
    refuse(work, tables, |found| {
        format!("put {} under tenancy first", found.identity)
    })
    .await
}

/// The same, for a history that leaves tenancy.
pub(crate) async fn refuse_left(work: &Work, tables: Vec<i64>) -> Result<(), DbErr> {
    refuse(work, tables, |found| {
        format!(
            "call `manager.disable_tenancy(..)` for {} first",
            found.origin
        )
    })
    .await
}

struct Found {
    /// The identity table, which can be put under tenancy.
    identity: String,
    /// The table under tenancy that the child belongs to.
    origin: String,
}

async fn refuse(
    work: &Work,
    tables: Vec<i64>,
    fix: impl Fn(&Found) -> String,
) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let rows = work.rows(schema::tenancy::UNSEEN, [tables.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(());
    };
    let text = |column: &str| row.try_get::<String>("", column);
    let found = Found {
        identity: text("identity")?,
        origin: text("origin")?,
    };
    Err(DbErr::Migration(format!(
        "{} is under tenancy, and its temporal foreign key \"{}\" refers to {}, which is not: a tenant that ends a version \
         would not see the rows of other tenants that need it; {}, or drop the foreign key",
        text("child")?,
        text("name")?,
        text("history")?,
        fix(&found)
    )))
}

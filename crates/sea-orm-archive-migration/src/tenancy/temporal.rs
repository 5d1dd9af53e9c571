//! Temporal foreign keys of tables under tenancy.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{tenancy::register, work::Work};

/// Refuses a temporal foreign key from a table under tenancy to a history that is not. Whoever ends a version of
/// everybody's is checked against the rows that he sees, and another tenant's row that needs it would not stop him.
///
/// The other way round nothing is hidden: every row of the child is seen, and a version that is not counts as none.
pub(crate) async fn refuse_unseen(work: &Work, tables: Vec<i64>) -> Result<(), DbErr> {
    refuse(work, tables, |found| {
        format!("put {} under tenancy first", found.identity)
    })
    .await
}

/// The same, where the history goes out of tenancy.
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
    /// The table whose rows have the versions, which can be put under tenancy.
    identity: String,
    /// The table under tenancy that the child belongs to.
    origin: String,
}

async fn refuse(
    work: &Work,
    tables: Vec<i64>,
    way_out: impl Fn(&Found) -> String,
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
        "{} is under tenancy, and its temporal foreign key \"{}\" refers to {}, which is not: whoever ends a version \
         would not see the rows of other tenants that need it; {}, or drop the foreign key",
        text("child")?,
        text("name")?,
        text("history")?,
        way_out(&found)
    )))
}

//! The triggers that let archived rows and detached links follow a change of the key that they refer to, and that mark
//! a detached link when its row is deleted permanently.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{privileges, register},
    work::Work,
};

/// Creates the functions; [`refresh`] creates the triggers.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    work.run(schema::core::FOLLOW_KEY).await?;
    privileges::make_triggers_private(work).await
}

/// Creates the trigger on every table that needs one, and drops those that are no longer needed.
///
/// The trigger of `changed` is always created again, so that plans from before its archive table existed are checked
/// again.
pub(crate) async fn refresh(work: &Work, changed: Option<&TableId>) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let oid = changed.map_or(0, |table| table.oid);
    work.run_each(schema::archive_table::KEY_TRIGGERS, [oid.into()])
        .await?;
    work.run_each(schema::archive_table::DELETE_TRIGGERS, [])
        .await
}

/// Drops the trigger of one table until [`refresh`] creates it again: PostgreSQL refuses to drop, or to change the type
/// of, a column that is named in the condition of a trigger.
pub(crate) async fn lift(work: &Work, table: &TableId) -> Result<(), DbErr> {
    work.run(&format!(
        "DROP TRIGGER IF EXISTS archive_follow_key ON {}",
        table.sql()
    ))
    .await
}

/// Drops all of them.
pub(crate) async fn uninstall(work: &Work) -> Result<(), DbErr> {
    work.run_each(
        "SELECT pg_catalog.format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass) AS statement
         FROM pg_catalog.pg_trigger AS t
         WHERE t.tgfoid OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.to_regprocedure('archive.follow_key()'),
                                                          pg_catalog.to_regprocedure('archive.mark_deleted()')]::oid[])
           AND t.tgparentid OPERATOR(pg_catalog.=) 0",
        [],
    )
    .await
}

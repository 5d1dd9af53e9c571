//! The triggers by which archived rows and detached links follow a key that changes, and links are marked whose row is
//! deleted for good.

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

/// Puts the triggers on every table that needs one now, and drops those that nothing needs any more.
///
/// The trigger of `changed` is created again in any case: a plan that was made before its archive table existed is
/// checked again then.
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

/// Drops the trigger of one table until [`refresh`] creates it again: PostgreSQL changes the type of no column that
/// the condition of a trigger names, and drops none.
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

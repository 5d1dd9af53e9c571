//! The archival table, the registers and the functions of the schema `archive`.

use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::{fill, fill_with};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::{follow, privileges, register},
    context, feature, guard,
    history::{self, foreign_key},
    name::{literal, quote},
    stamps, table_names, tenancy, trigger,
    work::Work,
};

/// Creates what does not exist yet, and replaces the functions.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    work.run(schema::core::INSTALL_LOCK).await?;
    let before = privileges::objects(work).await?;
    work.run(schema::core::REGISTERS).await?;
    work.run(schema::table_names::INSTALL).await?;
    context::install(work).await?;
    work.run(schema::core::MOVES).await?;
    work.run(&catalog_functions()).await?;
    work.run(schema::core::TRUSTED).await?;
    work.run(schema::core::RENAMES).await?;
    follow::install(work).await?;
    stamps::forget_dropped(work).await?;
    stamps::install(work).await?;
    work.run(schema::tenancy::INSTALL).await?;
    let owner = tenancy::owner(work, "archive.archival").await?;
    work.run(&fill(schema::core::ARCHIVAL, [("owner", literal(&owner))]))
        .await?;
    work.run(schema::core::PERSONAL_DATA).await?;
    work.run(schema::core::HOLDS).await?;
    work.run(schema::core::ERASURE).await?;
    work.run(schema::core::ERASURE_LOG).await?;
    work.run(schema::core::ERASURE_SEARCH).await?;
    work.run(schema::core::RESTORES).await?;
    work.run(schema::core::PURGES).await?;
    work.run(schema::core::LINKS).await?;
    work.run(schema::core::PARTS).await?;
    work.run(schema::core::HOOKS).await?;
    work.run(schema::core::VERSIONS).await?;
    work.run(schema::core::RETENTION).await?;
    work.run(schema::core::EVENTS).await?;
    work.run(schema::core::PARTITIONS).await?;
    guard::install(work).await?;
    feature::forget_dropped(work).await?;
    foreign_key::follow_renames(work).await?;
    follow::refresh(work, None).await?;
    guard::refresh_all(work).await?;
    tenancy::refresh_foreign_keys(work).await?;
    tenancy::record_functions(work).await?;
    table_names::note(work).await?;
    privileges::make_private(work, before).await
}

/// The functions that describe tables.
fn catalog_functions() -> String {
    let [tables, indexes] = sea_orm_archive_postgres::catalog::BODIES;
    fill(
        schema::core::CATALOG,
        [
            ("tables", tables.to_owned()),
            ("indexes", indexes.to_owned()),
            ("body", "$archive$".to_owned()),
            ("version", i32::from(schema::VERSION).to_string()),
        ],
    )
}

/// Sets the sequences of the schema `archive` past the ids of their tables.
pub(crate) async fn reset_sequences(work: &Work) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(schema::core::RESET_SEQUENCES).await
}

/// Drops what [`install`] created, unless an archive table still holds archived rows.
pub(crate) async fn uninstall(work: &Work) -> Result<(), DbErr> {
    if register::is_installed(work).await? {
        register::forget_dropped(work).await?;
        for archive_table in register::archive_tables(work).await? {
            refuse_rows(work, &archive_table).await?;
        }
    }
    refuse_holds(work).await?;
    if history::register::is_installed(work).await? {
        foreign_key::forget_dropped(work).await?;
        refuse_foreign_keys(work).await?;
        context::drop_defaults(work).await?;
    }
    trigger::refuse_suspended(work).await?;
    guard::refuse_guarded(work).await?;
    stamps::refuse_stamped(work).await?;
    tenancy::refuse_while_enabled(work).await?;
    follow::uninstall(work).await?;
    work.run(schema::core::UNINSTALL).await
}

/// Refuses while a hold is in force: what it holds could be deleted afterwards.
async fn refuse_holds(work: &Work) -> Result<(), DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.hold_in_force') IS NOT NULL AS installed";
    if !work.row(sql, []).await?.try_get("", "installed")? {
        return Ok(());
    }
    work.run("SELECT archive.require_no_hold(NULL, 'the archive was not uninstalled')")
        .await
}

/// Refuses while a temporal foreign key exists: its functions would stay, and no register would list them.
async fn refuse_foreign_keys(work: &Work) -> Result<(), DbErr> {
    match foreign_key::live(work).await?.first() {
        None => Ok(()),
        Some(found) => Err(DbErr::Migration(format!(
            "{} has the temporal foreign key \"{}\", which needs functions of the archive: drop it first, with \
             `manager.drop_temporal_foreign_key(..)`",
            found.child, found.name
        ))),
    }
}

async fn refuse_rows(work: &Work, archive_table: &str) -> Result<(), DbErr> {
    work.run(&format!(
        "LOCK TABLE {archive_table} IN ACCESS EXCLUSIVE MODE"
    ))
    .await?;
    let rows = work.count(archive_table, "true").await?;
    if rows == 0 {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{archive_table} still holds {rows} archived rows, which could not be restored without the archival table: restore or delete \
         them, or drop their table with `manager.drop_archived_table(..)`, first"
    )))
}

/// Lets `role` archive and restore what its grants on the tables allow.
pub(crate) async fn grant(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&for_role(schema::core::GRANT, role)).await?;
    // GRANT gave EXECUTE on all functions of the schema: take back the trigger functions.
    privileges::make_triggers_private(work).await
}

/// Lets `role` place and release holds.
pub(crate) async fn grant_holds(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&for_role(schema::core::HOLD_GRANT, role)).await
}

/// Takes back what [`grant_holds`] gave.
pub(crate) async fn revoke_holds(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&for_role(schema::core::HOLD_REVOKE, role)).await
}

/// Lets `role` erase persons.
pub(crate) async fn grant_erasure(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&for_role(schema::core::ERASURE_GRANT, role)).await
}

/// Takes back what [`grant_erasure`] gave.
pub(crate) async fn revoke_erasure(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&for_role(schema::core::ERASURE_REVOKE, role))
        .await
}

/// Writes events from the commit of this transaction on.
pub(crate) async fn enable_events(work: &Work) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(schema::core::EVENT_ENABLE).await
}

/// Deletes the events, and writes none from the commit of this transaction on.
pub(crate) async fn disable_events(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(schema::core::EVENT_DISABLE).await
}

/// Lets `role` read and acknowledge events.
pub(crate) async fn grant_events(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&for_role(schema::core::EVENT_GRANT, role)).await
}

/// Takes back what [`grant_events`] gave.
pub(crate) async fn revoke_events(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&for_role(schema::core::EVENT_REVOKE, role)).await
}

/// Takes back what [`grant`] gave.
pub(crate) async fn revoke(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&for_role(schema::core::REVOKE, role)).await
}

fn for_role(template: &str, role: &str) -> String {
    fill_with(template, &|place| match place {
        "role" => Some(quote(role)),
        "role_name" => Some(literal(role)),
        _ => None,
    })
}

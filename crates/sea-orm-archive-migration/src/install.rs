//! The ledger, the registers and the functions of the schema `archive`.

use sea_orm_migration::DbErr;

use crate::{
    context, follow,
    history::{self, foreign_key},
    known,
    name::{literal, quote},
    privileges, register, stamps,
    template::fill,
    tenancy,
    work::Work,
};

/// Creates what is not there yet, and replaces the functions.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    let before = privileges::standing(work).await?;
    work.run(include_str!("sql/ledger.sql")).await?;
    work.run(include_str!("sql/known/install.sql")).await?;
    context::install(work).await?;
    work.run(include_str!("sql/functions.sql")).await?;
    work.run(&catalog_functions()).await?;
    work.run(include_str!("sql/trusted.sql")).await?;
    follow::install(work).await?;
    stamps::forget_dropped(work).await?;
    stamps::install(work).await?;
    work.run(include_str!("sql/tenancy/install.sql")).await?;
    let owner = tenancy::owner(work, "archive.archival").await?;
    work.run(&fill(
        include_str!("sql/archival.sql"),
        &|place| match place {
            "owner" => literal(&owner),
            other => format!("{{{other}}}"),
        },
    ))
    .await?;
    foreign_key::forget_dropped(work).await?;
    history::register::forget_dropped(work).await?;
    register::forget_dropped(work).await?;
    follow::refresh(work, None).await?;
    tenancy::refresh_foreign_keys(work).await?;
    tenancy::keep_functions(work).await?;
    known::note(work).await?;
    privileges::make_private(work, before).await
}

/// The functions that describe tables.
fn catalog_functions() -> String {
    let [tables, indexes] = sea_orm_archive_postgres::catalog::BODIES;
    fill(include_str!("sql/catalog.sql"), &|place| match place {
        "tables" => tables.to_owned(),
        "indexes" => indexes.to_owned(),
        "body" => "$archive$".to_owned(),
        other => format!("{{{other}}}"),
    })
}

/// Drops what [`install`] created, unless a twin still holds archived rows.
pub(crate) async fn uninstall(work: &Work) -> Result<(), DbErr> {
    if register::is_installed(work).await? {
        register::forget_dropped(work).await?;
        for twin in register::twins(work).await? {
            refuse_rows(work, &twin).await?;
        }
    }
    if history::register::is_installed(work).await? {
        foreign_key::forget_dropped(work).await?;
        refuse_foreign_keys(work).await?;
        context::drop_defaults(work).await?;
    }
    stamps::refuse_stamped(work).await?;
    tenancy::refuse_while_enabled(work).await?;
    follow::uninstall(work).await?;
    work.run(include_str!("sql/uninstall.sql")).await
}

/// The functions that check a temporal foreign key would stay, and nothing would know of them.
async fn refuse_foreign_keys(work: &Work) -> Result<(), DbErr> {
    match foreign_key::live(work).await?.first() {
        None => Ok(()),
        Some(found) => Err(DbErr::Migration(format!(
            "{} has the temporal foreign key \"{}\", which the archive looks after: drop it first, with \
             `manager.drop_temporal_foreign_key(..)`",
            found.child, found.name
        ))),
    }
}

async fn refuse_rows(work: &Work, twin: &str) -> Result<(), DbErr> {
    work.run(&format!("LOCK TABLE {twin} IN ACCESS EXCLUSIVE MODE"))
        .await?;
    let rows = work.count(twin, "true").await?;
    if rows == 0 {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{twin} still holds {rows} archived rows, which could not be restored without the ledger: restore or delete \
         them, or drop their table with `manager.drop_archived_table(..)`, first"
    )))
}

/// Lets `role` archive and restore what its grants on the tables allow.
pub(crate) async fn grant(work: &Work, role: &str) -> Result<(), DbErr> {
    register::require(work).await?;
    work.run(&for_role(include_str!("sql/grant.sql"), role))
        .await?;
    // Of all functions, which it was given, these are not for it.
    privileges::make_triggers_private(work).await
}

/// Takes back what [`grant`] gave.
pub(crate) async fn revoke(work: &Work, role: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    work.run(&for_role(include_str!("sql/revoke.sql"), role))
        .await
}

fn for_role(template: &str, role: &str) -> String {
    fill(template, &|place| match place {
        "role" => quote(role),
        "role_name" => literal(role),
        other => format!("{{{other}}}"),
    })
}

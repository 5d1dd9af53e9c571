//! `archive.retention`: the rules.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_migration::DbErr;

use super::Retention;
use crate::{archive_table, history::register as histories, table_names, work::Work};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The rows of archivals with a root in a table.
    Rows,
    /// The records of archivals that were restored or purged.
    Records,
    /// The versions of a history.
    Versions,
    /// The entries of the audit log.
    Audit,
    /// The events.
    Events,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Records => "records",
            Self::Versions => "versions",
            Self::Audit => "audit",
            Self::Events => "events",
        }
    }
}

/// The longest rule. More days would end after the last time that PostgreSQL knows.
const MOST_DAYS: u32 = 365_000;

/// Writes a rule for archivals with a root in the table called `name`, which has an archive table.
pub(crate) async fn retain_rows(work: &Work, name: &str, rule: &Retention) -> Result<(), DbErr> {
    let table = root(work, name).await?;
    let Some(table) = table.filter(|table| table.archive_table.is_some()) else {
        return Err(DbErr::Migration(format!(
            "{name} has no archive table, so no archived rows of it could expire: call `manager.archive_existing_table(..)` for it first, \
             or name the table of the roots"
        )));
    };
    retain(work, Subject::Rows, Some(&table.id), rule).await
}

/// Writes a rule for the versions of the history called `name`.
pub(crate) async fn retain_versions(
    work: &Work,
    name: &str,
    rule: &Retention,
) -> Result<(), DbErr> {
    let table = root(work, name).await?;
    let history = match table {
        Some(table) => histories::describe(work, &table.id).await?,
        None => None,
    };
    let Some(history) = history else {
        return Err(DbErr::Migration(format!(
            "{name} is not registered as a history, so no versions of it could expire: call `manager.create_history_table(..)` for it \
             first, or `manager.retain(..)` for archived rows"
        )));
    };
    retain(work, Subject::Versions, Some(&history.id), rule).await
}

/// The table called `name`.
pub(crate) async fn root(work: &Work, name: &str) -> Result<Option<Table>, DbErr> {
    archive_table::register::require(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(None);
    };
    table_names::follow(work, &table.id).await?;
    work.table(&table.id.sql()).await
}

/// Writes a rule. It replaces the one with the same limits.
///
/// Race: a purge that reads the rules holds a lock that this waits for, so nothing is purged by the rule that was replaced once this
/// transaction has committed.
pub(crate) async fn retain(
    work: &Work,
    subject: Subject,
    root: Option<&TableId>,
    rule: &Retention,
) -> Result<(), DbErr> {
    archive_table::register::require(work).await?;
    check(subject, rule)?;
    let name = match &rule.name {
        Some(name) => name.clone(),
        None => default_name(subject, root, rule),
    };
    work.run_with(
        "INSERT INTO archive.retention (subject, root, tenant, metadata, days, name)
         VALUES ($1, $2::bigint::oid, $3, $4::text::jsonb, $5, $6)
         ON CONFLICT (subject, root, tenant, metadata) DO UPDATE SET days = EXCLUDED.days, name = EXCLUDED.name",
        [
            subject.as_str().into(),
            root.map(|table| table.oid).into(),
            rule.tenant.clone().into(),
            rule.metadata.as_ref().map(ToString::to_string).into(),
            rule.days.and_then(|days| i32::try_from(days).ok()).into(),
            name.into(),
        ],
    )
    .await
}

fn check(subject: Subject, rule: &Retention) -> Result<(), DbErr> {
    let refused = if rule.days.is_some_and(|days| days > MOST_DAYS) {
        "lasts more than 365000 days: use `Retention::forever()`"
    } else if subject == Subject::Audit && (rule.tenant.is_some() || rule.metadata.is_some()) {
        "is for the audit log, of which whole months are dropped: leave `.tenant(..)` and `.metadata(..)` out"
    } else if subject == Subject::Events && (rule.tenant.is_some() || rule.metadata.is_some()) {
        "is for events, which expire in the order of their positions: leave `.tenant(..)` and `.metadata(..)` out"
    } else if subject == Subject::Versions && rule.metadata.is_some() {
        "is for versions of a history, which have no metadata: leave `.metadata(..)` out"
    } else if rule.name.as_deref().is_some_and(str::is_empty) {
        "has an empty name: give another one"
    } else {
        return Ok(());
    };
    Err(DbErr::Migration(format!("the retention rule {refused}")))
}

fn default_name(subject: Subject, root: Option<&TableId>, rule: &Retention) -> String {
    let mut name = match (subject, root) {
        (Subject::Audit, _) => "archive.audit_entry".to_owned(),
        (Subject::Events, _) => "archive.event".to_owned(),
        (_, Some(table)) => table.to_string(),
        (_, None) => "archive.archival".to_owned(),
    };
    if let Some(metadata) = &rule.metadata {
        name = format!("{name}, metadata {metadata}");
    }
    if let Some(tenant) = &rule.tenant {
        name = format!("{name}, tenant {tenant}");
    }
    match rule.days {
        Some(days) => format!("{name}: {days} days"),
        None => format!("{name}: for ever"),
    }
}

/// Deletes the rules of a table, or of everything that is not a table.
pub(crate) async fn drop_of(
    work: &Work,
    subject: Subject,
    root: Option<&TableId>,
) -> Result<(), DbErr> {
    work.run_with(
        "DELETE FROM archive.retention WHERE subject = $1 AND root::oid IS NOT DISTINCT FROM $2::bigint::oid",
        [
            subject.as_str().into(),
            root.map(|table| table.oid).into(),
        ],
    )
    .await
}

/// Deletes the rule of a table that has this name.
pub(crate) async fn drop_named(work: &Work, root: &TableId, name: &str) -> Result<(), DbErr> {
    let deleted = work
        .rows(
            "DELETE FROM archive.retention WHERE root = $1::bigint::oid AND name = $2 RETURNING id",
            [root.oid.into(), name.into()],
        )
        .await?;
    match deleted.is_empty() {
        false => Ok(()),
        true => Err(DbErr::Migration(format!(
            "{root} has no retention rule named \"{name}\": `SELECT name FROM archive.retention` lists them"
        ))),
    }
}

/// Deletes the rules of a table that loses its archive table.
pub(crate) async fn forget(work: &Work, root: &TableId) -> Result<(), DbErr> {
    drop_of(work, Subject::Rows, Some(root)).await
}

/// Deletes the rules of a history that is no longer one.
pub(crate) async fn forget_versions(work: &Work, history: &TableId) -> Result<(), DbErr> {
    drop_of(work, Subject::Versions, Some(history)).await
}

/// Deletes the rules of tables that were dropped and whose name no other table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    work.run("DELETE FROM archive.retention AS r WHERE r.root IS NOT NULL AND archive.is_dropped(r.root)")
        .await
}

//! Compares the database with what the migrations registered.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::compare::{
    Finding, VersionColumns, archive_table_findings, history_findings, registered,
};
use serde::Serialize;

use crate::catalog;
use crate::error::{Error, unexpected_answer};
use crate::exec::{Executor, begin, check_backend};

/// Compares the database with what the migrations registered there, and returns every difference, sorted by object.
///
/// PostgreSQL reports no error when a policy is dropped, a trigger is disabled, or a column is added to the
/// table and not to its archive table. Operators, deployments and tests find such differences with this
/// function:
///
/// - archive tables: columns, types, constraints, grants, owner, policies, row-level security;
/// - triggers of sea-orm-archive: missing, disabled, changed, or left behind;
/// - histories and temporal foreign keys: columns, the constraint against overlapping versions, triggers;
/// - stamps: columns, defaults, triggers;
/// - the audit log, where it is installed: trigger functions that lack columns of their table, their owner;
/// - tenancy: columns, policies, guards, forced row-level security, grants on the log, roles that bypass policies;
/// - events: triggers that are missing, disabled or changed, so that something has no event;
/// - tables in a publication whose rows cannot be moved because the table has no replica identity;
/// - tables that were replaced by others of the same name.
///
/// [`application_triggers`] lists the triggers of the application, which are no difference.
///
/// ```no_run
/// # async fn run(db: sea_orm::DatabaseConnection) -> Result<(), sea_orm_archive::Error> {
/// for finding in sea_orm_archive::check(&db).await? {
///     eprintln!("{finding}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// The function reads the catalog and the registers in one transaction, and changes nothing:
///
/// ```sql
/// SELECT archive.describe(..);                                            -- archive tables and histories
/// SELECT .. FROM archive.temporal_foreign_key .. JOIN pg_trigger ..;      -- triggers
/// SELECT .. FROM archive.archived_table, aclexplode(..) ..;               -- grants; policies alike
/// SELECT .. FROM archive.tenancy_object JOIN archive.tenancy_found ..;    -- tenancy
/// SELECT .. FROM archive.audited_table ..;                                -- the audit log
/// SELECT .. FROM pg_publication ..;                                       -- replica identity
/// ```
///
/// # Errors
///
/// [`SetupError::NotInstalled`] where `install_archive` has not run, [`SetupError::SchemaVersion`] where it has
/// to run again, [`Error::Database`] otherwise, for example where the role lacks `grant_archive` (or
/// `grant_audit`, where the log is installed).
///
/// [`SetupError::NotInstalled`]: crate::error::SetupError::NotInstalled
/// [`SetupError::SchemaVersion`]: crate::error::SetupError::SchemaVersion
pub async fn check<C>(db: &C) -> Result<Vec<Finding>, Error>
where
    C: Executor,
{
    check_backend(db)?;
    let transaction = begin(db).await?;
    let found = findings(&transaction).await;
    transaction.rollback().await?;
    found
}

/// A trigger of the application that an archive or a restore may fire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct ApplicationTrigger {
    /// The table, as `schema.table`.
    pub table: String,
    /// The name of the trigger.
    pub trigger: String,
    /// `INSERT`, `DELETE`, `UPDATE` or `TRUNCATE`.
    pub events: Vec<String>,
    /// The trigger does not fire while rows of these tables move (`suspend_trigger`). Where this is empty, it fires for
    /// each row that an archive deletes or a restore inserts.
    pub suspended_while: Vec<String>,
}

/// The triggers of the application on tables that have an archive table, and on those that refer to such a table,
/// sorted by table.
///
/// A trigger that fires while a tree moves can change, add or remove rows. Each archive of such a tree proves that
/// it can be restored, which takes about twice as long. The migration helper `suspend_trigger` lets a trigger not
/// fire then. Disabled triggers, and those of sea-orm-archive, are not listed.
///
/// ```no_run
/// # async fn run(db: sea_orm::DatabaseConnection) -> Result<(), sea_orm_archive::Error> {
/// for found in sea_orm_archive::application_triggers(&db).await? {
///     println!("{} on {}: suspended while {:?}", found.trigger, found.table, found.suspended_while);
/// }
/// # Ok(())
/// # }
/// ```
///
/// ```sql
/// SELECT .. FROM archive.archived_table .. JOIN pg_trigger ..;
/// ```
///
/// # Errors
///
/// As [`check`].
pub async fn application_triggers<C>(db: &C) -> Result<Vec<ApplicationTrigger>, Error>
where
    C: Executor,
{
    check_backend(db)?;
    let db = &db.executor();
    require_version(db).await?;
    let mut found = Vec::new();
    for row in rows(db, registered::APPLICATION_TRIGGERS).await? {
        let suspended_while: serde_json::Value = row.try_get("", "suspended_while")?;
        found.push(ApplicationTrigger {
            table: row.try_get("", "name")?,
            trigger: row.try_get("", "trigger")?,
            events: row.try_get("", "events")?,
            suspended_while: serde_json::from_value(suspended_while).map_err(unexpected_answer)?,
        });
    }
    Ok(found)
}

/// Refuses an installed schema of another version.
pub(crate) async fn require_version<C: ConnectionTrait>(db: &C) -> Result<(), Error> {
    for row in rows(db, "SELECT archive.schema_version() AS version").await? {
        catalog::check_version(row.try_get("", "version")?)?;
    }
    Ok(())
}

async fn findings<C: ConnectionTrait>(db: &C) -> Result<Vec<Finding>, Error> {
    require_version(db).await?;
    rows(db, registered::SETTINGS).await?;
    let mut found = of_tables(db).await?;
    let has_audit = rows(db, registered::HAS_AUDIT).await?;
    let has_audit = matches!(has_audit.first(), Some(row) if row.try_get("", "installed")?);
    for query in registered::queries(has_audit) {
        for row in rows(db, &query).await? {
            found.push(Finding {
                object: row.try_get("", "object")?,
                problem: row.try_get("", "problem")?,
                remedy: row.try_get("", "remedy")?,
            });
        }
    }
    found.sort();
    Ok(found)
}

/// The findings on archive tables and histories, which a plan checks in the same way.
async fn of_tables<C: ConnectionTrait>(db: &C) -> Result<Vec<Finding>, Error> {
    let registered = rows(db, registered::TABLES).await?;
    let mut names: Vec<String> = Vec::new();
    for row in &registered {
        names.push(row.try_get("", "name")?);
        names.extend(row.try_get::<Option<String>>("", "archive")?);
    }
    names.sort();
    names.dedup();
    let tables = catalog::read(db, &names).await?;
    let tables = names.into_iter().zip(tables);
    let tables: HashMap<String, Table> = tables.filter_map(|(n, t)| Some((n, t?))).collect();
    let mut found = Vec::new();
    for row in &registered {
        let Some(table) = tables.get(&row.try_get::<String>("", "name")?) else {
            continue;
        };
        if let Some(history) = row.try_get::<Option<serde_json::Value>>("", "history")? {
            let columns: VersionColumns =
                serde_json::from_value(history).map_err(unexpected_answer)?;
            found.extend(history_findings(table, &columns));
        }
        let archive: Option<String> = row.try_get("", "archive")?;
        let archive = archive.and_then(|name| tables.get(&name));
        if let (Some(archive), Some(archive_table)) = (archive, &table.archive_table) {
            found.extend(archive_table_findings(
                table,
                archive,
                archive_table,
                |_| true,
            ));
        }
    }
    Ok(found)
}

pub(crate) async fn rows<C: ConnectionTrait>(db: &C, sql: &str) -> Result<Vec<QueryResult>, Error> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    Ok(db.query_all_raw(statement).await?)
}

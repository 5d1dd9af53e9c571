//! What can go wrong, and the way out of it.

use sea_orm::{DbBackend, DbErr, RuntimeErr, SqlxError, SqlxPostgresError};
use sea_orm_archive_postgres::schema::{VERSION, Version};
pub(crate) use sea_orm_archive_postgres::sqlstate::*;

use crate::report::{Blocker, Conflict};

/// Why an archive or a restore did not happen. Nothing has moved when one of these is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such row, neither active nor archived.
    #[error("{table} has no row with the key {key}, and neither has its archive table")]
    NotFound {
        /// The table that was asked.
        table: String,
        /// The key that was asked for.
        key: String,
    },

    /// The row is in the archive table already.
    #[error(
        "the row {key} of {table} is archived already, by archival {archival}; restore that to have it back"
    )]
    AlreadyArchived {
        /// The table that was asked.
        table: String,
        /// The key of the row.
        key: String,
        /// The archival that holds it.
        archival: i64,
    },

    /// The archive table has a row with the key of one that is archived: somebody gave a new row the id
    /// of an archived one.
    #[error(
        "{table} cannot be archived: {detail} ({constraint}). An archived row has that key for ever; give the active row another one, or restore or remove the archived one"
    )]
    KeyArchived {
        /// The table of the root.
        table: String,
        /// The primary key of the archive table.
        constraint: String,
        /// What the database says: the key and its values.
        detail: String,
    },

    /// The row is active, so there is nothing to restore.
    #[error("the row {key} of {table} is not archived: it is active")]
    NotArchived {
        /// The table that was asked.
        table: String,
        /// The key of the row.
        key: String,
    },

    /// The archival was restored before, or never existed.
    #[error(
        "archival {archival} holds nothing to restore: it was restored already, does not exist, or belongs to a table that this role may not read"
    )]
    AlreadyRestored {
        /// The id of the archival.
        archival: i64,
    },

    /// Rows that were not declared to go along point at the tree.
    #[error("{table} cannot be archived: {}. Archive or delete those rows first, or declare the relation `#[archive(cascade)]` or `#[archive(detach)]`", list(.blockers))]
    Blocked {
        /// The table of the root.
        table: String,
        /// What is in the way.
        blockers: Vec<Blocker>,
    },

    /// The database would delete or change rows below the tree that the entities do not speak of.
    #[error("{table} cannot be archived: {}. PostgreSQL would lose those rows or links silently; declare each relation `#[archive(cascade)]`, `#[archive(detach)]` or `#[archive(restrict)]` on the entity of the table it points at", list(.edges))]
    UndeclaredEdge {
        /// The table of the root.
        table: String,
        /// The foreign keys that nobody declared.
        edges: Vec<UndeclaredEdge>,
    },

    /// The database and the entities do not agree, or a table has what moving rows cannot respect.
    #[error("{table} and its entity do not fit: {}", .problems.join("; "))]
    Drift {
        /// The table of the root.
        table: String,
        /// Everything that is wrong, each with its way out.
        problems: Vec<String>,
    },

    /// Something took the place of archived rows.
    #[error("archival {archival} cannot be restored: {}", list(.conflicts))]
    RestoreConflict {
        /// The id of the archival.
        archival: i64,
        /// Every conflict.
        conflicts: Vec<Conflict>,
    },

    /// The row was archived together with a parent, or its parent was archived too.
    #[error(
        "the row {key} of {table} cannot come back alone: it belongs to {parent_table} {parent_key}, which archival {archival} holds; restore archival {archival} first"
    )]
    ParentArchived {
        /// The table of the row.
        table: String,
        /// The key of the row.
        key: String,
        /// The table of the parent.
        parent_table: String,
        /// The key of the parent.
        parent_key: String,
        /// The archival that holds the parent.
        archival: i64,
    },

    /// Rows of another tenant would be changed or removed along, or are in the way; they are not shown.
    #[error(
        "{table} has rows of another tenant that depend on this, so nothing was changed: an administrator has to move or delete those rows first"
    )]
    OtherTenant {
        /// The table that has them, as `schema.table`.
        table: String,
    },

    /// A trigger kept a row from moving, or changed it on its way; or one of the audit log's could not tell what
    /// happened.
    #[error("{0}")]
    Trigger(String),

    /// The archive table no longer holds what the ledger says it holds.
    #[error("{0}")]
    Incomplete(String),

    /// The row is archived and restored by others all the time.
    #[error("the row {key} of {table} is archived and restored by others all the time: try again")]
    Restless {
        /// The table that was asked.
        table: String,
        /// The key of the row.
        key: String,
    },

    /// The row was changed since it was read.
    #[error(
        "the row {key} of {table} was changed since it was read: it has version {found}, not {expected}; read it again, and decide again"
    )]
    VersionConflict {
        /// The table that was asked.
        table: String,
        /// The key of the row.
        key: String,
        /// The version that was read.
        expected: i64,
        /// The version that the row has now, where it is.
        found: i64,
    },

    /// The row that should be changed is not there any more.
    #[error("the row {key} of {table} is gone: it was deleted since it was read")]
    Gone {
        /// The table that was asked.
        table: String,
        /// The key of the row.
        key: String,
    },

    /// An active model lacks its key, or the version that was read.
    #[error(
        "`{column}` of {table} is not set: change a model that was read, with `.into_active_model()`, or set `{column}` to what was read"
    )]
    NotSet {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },

    /// A version would be valid at the same time as another one of its identity.
    #[error(
        "{table} {identity} has a version for {existing}, which overlaps {wanted} ({constraint}): change that period with `.change(..).during(..)`, or choose a period that is free"
    )]
    Overlap {
        /// The history table.
        table: String,
        /// The identity.
        identity: String,
        /// The constraint that keeps versions apart.
        constraint: String,
        /// The period that was asked for, half-open.
        wanted: String,
        /// The period of the version that is there, half-open.
        existing: String,
    },

    /// A period ends when it starts, or before.
    #[error("{table}: the period from {from} to {to} is empty: it must end after it starts")]
    EmptyPeriod {
        /// The history table.
        table: String,
        /// Where it starts.
        from: String,
        /// Where it ends.
        to: String,
    },

    /// Nothing was true of the identity at that time.
    #[error(
        "{table} {identity} has no version that is valid at {at}: start one with `.start(..)`, or choose another time"
    )]
    NoVersion {
        /// The history table.
        table: String,
        /// The identity.
        identity: String,
        /// The time, or `now`.
        at: String,
    },

    /// Nothing in the table would say who did it.
    #[error(
        "{table} cannot record who did this: `.by(..)` is for versions that are written, and this one only gets another end; make the history bitemporal, or leave it out"
    )]
    NotRecorded {
        /// The history table.
        table: String,
    },

    /// The identity goes on after the time at which it should end.
    #[error(
        "{table} {identity} cannot end at {at}: a later version starts at {starts}; end it later than that, or cancel that version while it is only planned"
    )]
    LaterVersion {
        /// The history table.
        table: String,
        /// The identity.
        identity: String,
        /// When it should end.
        at: String,
        /// When the first of the later versions starts.
        starts: String,
    },

    /// The version has begun: it is no plan any more.
    #[error(
        "{table} {identity} has no version that is scheduled to start at {at}: what has begun is corrected with `.correct(..)`, or ended"
    )]
    NotScheduled {
        /// The history table.
        table: String,
        /// The identity.
        identity: String,
        /// When it was said to start.
        at: String,
    },

    /// An identity was merged into itself.
    #[error("{table} {identity} cannot go on in itself: name two identities")]
    SameIdentity {
        /// The history table.
        table: String,
        /// The identity.
        identity: String,
    },

    /// There is no such identity.
    #[error(
        "{table} has no row {key}: insert the identity before its first version, or restore it if it was archived"
    )]
    NoIdentity {
        /// The table of identities.
        table: String,
        /// The key.
        key: String,
    },

    /// Rows need the versions that would end, shrink or go.
    #[error(
        "{table} has rows that depend on it ({constraint}): {detail}. Change or remove those rows first"
    )]
    DependentRows {
        /// The history table.
        table: String,
        /// The foreign key that they depend through.
        constraint: String,
        /// What the database says: the row, the identity and the time.
        detail: String,
    },

    /// A column that a version's values have no say in.
    #[error(
        "{column} of {table} is no value of a version: the identity, the period, the key and generated columns are set by the verbs"
    )]
    NoValue {
        /// The history table.
        table: String,
        /// The column.
        column: String,
    },

    /// A part of a context that PostgreSQL cannot keep.
    #[error(
        "the {field} of the context contains a zero byte, which PostgreSQL keeps in no text: remove it before the context is made"
    )]
    Context {
        /// Which part.
        field: &'static str,
    },

    /// Who acts is not of the type of the column that keeps it.
    #[error(
        "{table} cannot keep who did this: {detail}. Give `.by(..)` what the column takes, or the column the type of the context's actor"
    )]
    Actor {
        /// The table of the root.
        table: String,
        /// What the database says: the value and the type.
        detail: String,
    },

    /// The audit log does not tell of the table, or not of that time.
    #[error("{}", not_audited(.table, .since))]
    NotAudited {
        /// The table.
        table: String,
        /// Since when it is audited, or entries are kept; `None` where it is not.
        since: Option<sea_orm::prelude::DateTimeUtc>,
    },

    /// There was no such row at that time.
    #[error(
        "{table} had no row {key} at {at}, so there is nothing to go back to: ask for a later time"
    )]
    NotThere {
        /// The table.
        table: String,
        /// The key of the row.
        key: String,
        /// The time that was asked for.
        at: sea_orm::prelude::DateTimeUtc,
    },

    /// The row is gone, and the log does not tell all of it.
    #[error(
        "the row {key} of {table} is gone, and the audit log does not tell its column(s) {}: they are excluded or redacted. Its entries tell the others", .columns.join(", ")
    )]
    Redacted {
        /// The table.
        table: String,
        /// The key of the row.
        key: String,
        /// The columns.
        columns: Vec<String>,
    },

    /// The database is not PostgreSQL.
    #[error("sea-orm-archive works on PostgreSQL 15 or newer; this connection is {0:?}")]
    UnsupportedBackend(DbBackend),

    /// The schema `archive` is missing or older than this crate.
    #[error(
        "the schema `archive` is missing or out of date: call `manager.install_archive().await?` in a migration ({0})"
    )]
    NotInstalled(String),

    /// The schema `archive` has another version than this crate works on.
    #[error(
        "the schema `archive` has version {installed}, and this release of sea-orm-archive needs version {VERSION}: {}",
        if installed.major > VERSION.major { "upgrade sea-orm-archive" } else { "call `manager.install_archive().await?` in a migration" }
    )]
    SchemaVersion {
        /// The version that is installed.
        installed: Version,
    },

    /// A deadlock or serialization failure: the transaction may be tried again.
    ///
    /// Outside a transaction of the caller's it has been tried again already, several times.
    #[error("another transaction was in the way ({code}): roll back and try again: {source}")]
    Contention {
        /// The SQLSTATE: 40P01 or 40001.
        code: String,
        /// The database's error.
        source: DbErr,
    },

    /// The catalog could not be read.
    #[error("the catalog could not be understood: {0}")]
    Catalog(String),

    /// Any other error of the database.
    #[error(transparent)]
    Database(DbErr),
}

/// A foreign key below a tree for which no policy is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndeclaredEdge {
    /// The name of the constraint.
    pub constraint: String,
    /// The table that holds it, with its columns.
    pub child: String,
    /// The table that it points at.
    pub parent: String,
    /// What the database would do: `CASCADE`, `SET NULL` or `SET DEFAULT`.
    pub on_delete: String,
}

impl std::fmt::Display for UndeclaredEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            constraint,
            child,
            parent,
            on_delete,
        } = self;
        write!(
            f,
            "{child} points at {parent} with ON DELETE {on_delete} (constraint {constraint}) and is not declared"
        )
    }
}

fn not_audited(table: &str, since: &Option<sea_orm::prelude::DateTimeUtc>) -> String {
    match since {
        None => format!(
            "{table} is not audited: call `manager.audit_table(..)` in a migration, and it is from then on"
        ),
        Some(since) => format!(
            "the audit log tells of {table} since {since}, and not of any time before: ask for a later one"
        ),
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("; ")
}

/// For work that returns SeaORM's own error.
impl From<Error> for DbErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Database(error) | Error::Contention { source: error, .. } => error,
            error => Self::Custom(error.to_string()),
        }
    }
}

/// By SQLSTATE first: names of tables and constraints can be missing.
impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let Some((code, message)) =
            postgres(&error).map(|e| (e.code().to_owned(), e.message().to_owned()))
        else {
            return Self::Database(error);
        };
        let ours = || message.contains("archive.") || message.contains("\"archive\"");
        match code.as_str() {
            "40P01" | "40001" => Self::Contention {
                code,
                source: error,
            },
            "3F000" | "42883" | "42P01" | "42703" if ours() => Self::NotInstalled(message),
            TRIGGER | UNLIKE | KEYLESS | BEHIND => Self::Trigger(message),
            OTHER_TENANT => Self::OtherTenant {
                table: postgres(&error)
                    .and_then(|e| Some(format!("{}.{}", e.schema()?, e.table()?)))
                    .unwrap_or(message),
            },
            INCOMPLETE => Self::Incomplete(message),
            _ => Self::Database(error),
        }
    }
}

/// What a temporal foreign key refuses, or any other trigger that speaks of one: no row of the
/// catalog says what is in its way, so its own words do.
pub(crate) fn dependent_rows(table: &str, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    let source = postgres(source).filter(|e| is_foreign_key(e.code()))?;
    Some(Error::DependentRows {
        table: table.to_owned(),
        constraint: source.constraint().unwrap_or_default().to_owned(),
        detail: match source.detail().filter(|_| !raised(source)) {
            Some(detail) => format!("{}: {}", source.message(), detail.trim_end_matches('.')),
            None => source.message().to_owned(),
        },
    })
}

/// The same, where it was a trigger's function that refused, and not a foreign key of the catalog.
pub(crate) fn refused_by_trigger(table: &str, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    postgres(source).filter(|e| raised(e))?;
    dependent_rows(table, error)
}

fn raised(error: &SqlxPostgresError) -> bool {
    error.routine() == Some("exec_stmt_raise")
}

/// Whether the SQLSTATE is that of a foreign key: foreign_key_violation, or restrict_violation, which PostgreSQL 18
/// answers for ON DELETE RESTRICT.
pub(crate) fn is_foreign_key(code: &str) -> bool {
    matches!(code, "23503" | "23001")
}

/// The SQLSTATE of a database error.
pub(crate) fn code(error: &Error) -> Option<String> {
    match error {
        Error::Database(error) => postgres(error).map(|e| e.code().to_owned()),
        _ => None,
    }
}

/// PostgreSQL's own error, where that is what it is.
pub(crate) fn postgres(error: &DbErr) -> Option<&SqlxPostgresError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e))
        | DbErr::Conn(RuntimeErr::SqlxError(e)) => match e.as_ref() {
            SqlxError::Database(e) => e.try_downcast_ref::<SqlxPostgresError>(),
            _ => None,
        },
        _ => None,
    }
}

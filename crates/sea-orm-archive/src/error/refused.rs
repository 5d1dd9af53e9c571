//! Calls that cannot be carried out, whatever the rows are.

use serde_json::Value as Json;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedError {
    /// An active model lacks its key, or the lock version that was read.
    #[error(
        "`{column}` of {table} is not set: change a model that was read, with `.into_active_model()`, or set `{column}` to what was read"
    )]
    UnsetColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },

    /// A column that the verbs of a history set themselves.
    #[error(
        "cannot set {column} of {table}: key, identity, period and generated columns are managed by sea-orm-archive"
    )]
    ManagedColumn {
        /// The history table.
        table: String,
        /// The column.
        column: String,
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

    /// An identity was merged into itself.
    #[error("{table} {identity} cannot be merged into itself: pass two identities")]
    SameIdentity {
        /// The history table.
        table: String,
        /// The identity.
        identity: Box<Json>,
    },

    /// `.by(..)` where no version is written that could contain the actor.
    #[error(
        "{table} cannot record the actor: `.by(..)` is for versions that are written, and this verb only ends one; make the history bitemporal, or leave `.by(..)` out"
    )]
    UnrecordedActor {
        /// The history table.
        table: String,
    },

    /// The actor is not of the type of the column that contains it.
    #[error(
        "{table} cannot record the actor: {detail}. Pass `.by(..)` what the column takes, or give the column the type of the context's actor"
    )]
    ActorType {
        /// The table of the root.
        table: String,
        /// What the database reports: the value and the type.
        detail: String,
    },

    /// A restore is asked to change what it cannot change.
    #[error("{table}: {problem}, so nothing was restored")]
    RestorePolicy {
        /// The table.
        table: String,
        /// What cannot be changed, and what can be done instead.
        problem: String,
    },

    /// More rows than one call can archive: its answer contains an archival record of each.
    #[error(
        "{rows} rows of {table} are too many for one call, whose answer has a record with the key, reason and metadata of each: archive \
         fewer in a call, for example with `.filter(Column::Id.lt(..))`"
    )]
    TooManyRows {
        /// The table of the roots.
        table: String,
        /// How many rows the filter found.
        rows: u64,
    },

    /// More values than one statement of PostgreSQL's protocol can have.
    #[error(
        "the call binds {values} values, and a statement of PostgreSQL takes 65535: pass a list as one array, with \
         `Column::Id.eq_any(ids)` instead of `Column::Id.is_in(ids)`, or call it several times"
    )]
    TooManyValues {
        /// How many values there are.
        values: usize,
    },

    /// What has expired is purged in a transaction above READ COMMITTED, whose snapshot may be older than the last change of a retention
    /// rule.
    #[error("{message}")]
    IsolationLevel {
        /// What the database reports: the isolation level, and what to do.
        message: String,
    },

    /// A cursor of events that no event has had: of another database, or of one that was restored to an earlier time.
    #[error("{message}")]
    UnknownCursor {
        /// What the database reports: the position, and what to do.
        message: String,
    },

    /// An archival whose entity has hooks of a restore or a purge, in a call that does not run them: by the id of the archival, of what has
    /// expired, or as the parent of another row.
    #[error("{message}")]
    SkippedHooks {
        /// What the database reports: the archival, its table, and which verb runs the hooks.
        message: String,
    },

    /// A hold would have ended before it begins.
    #[error("{message}")]
    EndedHold {
        /// What the database reports: the time.
        message: String,
    },

    /// A guarded table would lose rows that were not archived, or its archive table rows that were not restored or purged.
    #[error("{message}")]
    Guarded {
        /// The table.
        table: String,
        /// The keys of rows that would be lost, ten at most; empty for a TRUNCATE and for an archive table.
        keys: Vec<Json>,
        /// What the database reports: what was refused, and what to do.
        message: String,
    },

    /// A text of a context with a zero byte, which PostgreSQL cannot store.
    #[error("the {field} of the context contains a zero byte: remove it")]
    ZeroByte {
        /// The field of the context.
        field: &'static str,
    },
}

//! Differences between the database and the entities or the crate's own records.

use serde::{Deserialize, Serialize};

use super::list;

/// A difference between the database and the entities or the crate's own records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// A table is not as its entity declares it, or has objects that the verbs do not support.
    #[error("rows of {table} cannot be moved: {}", .problems.join("; "))]
    Schema {
        /// The table of the root.
        table: String,
        /// Every problem, each with what to do.
        problems: Vec<String>,
    },

    /// The database would delete or change rows below the tree whose foreign keys no entity declares.
    #[error("{table} cannot be archived: {}. PostgreSQL would lose those rows or links silently; declare each relation `#[archive(cascade)]`, `#[archive(detach)]` or `#[archive(restrict)]` on the entity of the table it refers to", list(.edges))]
    UndeclaredEdges {
        /// The table of the root.
        table: String,
        /// The foreign keys without a policy.
        edges: Vec<UndeclaredEdge>,
    },

    /// A trigger dropped or changed a row that moves, or a trigger of the audit log could not record it.
    #[error("{message}")]
    Trigger {
        /// The table, the trigger, and what to do.
        message: String,
    },

    /// An archive table does not contain the rows that the archival record lists.
    #[error("{message}")]
    IncompleteArchival {
        /// The archival, and what is missing.
        message: String,
    },
}

/// A foreign key below a tree for which no policy is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeclaredEdge {
    /// The name of the constraint.
    pub constraint: String,
    /// The table that has the foreign key, with its columns.
    pub child: String,
    /// The table that it refers to.
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
            "{child} refers to {parent} with ON DELETE {on_delete} (constraint {constraint}) and is not declared"
        )
    }
}

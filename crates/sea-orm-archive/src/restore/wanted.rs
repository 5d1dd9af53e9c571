//! What one statement restores.

use sea_orm_archive_postgres::emit::Roots;
use sea_orm_archive_postgres::model::RestorePlan;

use super::policies::Policies;
use crate::error::{ConflictError, Error, NotFoundError};
use crate::report::{ArchivalConflicts, Conflict};

/// The archivals to restore in one statement, all of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub archivals: Vec<i64>,
    /// Whether one archival was asked for, so that it also brings back those that it forms a ring with.
    pub which: Roots,
    pub by: Option<String>,
    pub policies: Policies,
}

impl Wanted {
    pub fn one(archival: i64, by: Option<String>) -> Self {
        Self {
            archivals: vec![archival],
            which: Roots::One,
            by,
            policies: Policies::default(),
        }
    }

    /// Several archivals that are restored as one set.
    pub fn many(archivals: Vec<i64>, by: Option<String>) -> Self {
        Self {
            archivals,
            which: Roots::Many,
            by,
            policies: Policies::default(),
        }
    }

    /// The same with policies.
    pub fn with(self, policies: &Policies) -> Self {
        Self {
            policies: policies.clone(),
            ..self
        }
    }

    /// The archival that was asked for, or the first.
    pub fn first(&self) -> i64 {
        self.archivals.first().copied().unwrap_or_default()
    }

    pub fn not_found(&self) -> Error {
        let archival = self.first();
        Error::NotFound(NotFoundError::Archival { archival })
    }

    /// The error for conflicts. A root whose own parent is archived has an error of its own: the parent must be restored
    /// first.
    pub fn conflict_error(&self, plan: &RestorePlan, conflicts: Vec<ArchivalConflicts>) -> Error {
        if self.which == Roots::Many {
            let archivals = conflicts;
            return Error::Conflict(ConflictError::RestoreMany { archivals });
        }
        let conflicts = conflicts.into_iter().flat_map(|found| found.conflicts);
        let conflicts: Vec<_> = conflicts.collect();
        let root = plan.tables.first().map(|m| m.table.id.to_string());
        match conflicts.as_slice() {
            [
                Conflict::MissingParent {
                    table,
                    key,
                    parent_table,
                    parent_key,
                    archival: Some(parent),
                    ..
                },
            ] if Some(table) == root.as_ref() => Error::Conflict(ConflictError::ParentArchived {
                table: table.clone(),
                key: Box::new(key.clone()),
                parent_table: parent_table.clone(),
                parent_key: Box::new(parent_key.clone()),
                archival: *parent,
            }),
            _ => Error::Conflict(ConflictError::Restore {
                archival: self.first(),
                conflicts,
            }),
        }
    }
}

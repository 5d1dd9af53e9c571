//! Converts errors of the database into the errors of an archive.

use sea_orm_archive_postgres::sqlstate;

use crate::error::{self, ConflictError, Error, RefusedError, postgres};
use crate::planned::Planned;

/// Whether a foreign key, or the check of the restrictions, found rows that refer to the tree.
pub(super) fn is_blocked(error: &Error) -> bool {
    error::code(error)
        .is_some_and(|code| sqlstate::is_foreign_key(code) || code == sqlstate::RESTRICTED)
}

/// A constraint of a table that refused a row without its link: the table and the constraint.
pub(super) fn refused_cut(planned: &Planned, error: &Error) -> Option<(String, String)> {
    let Error::Database(source) = error else {
        return None;
    };
    let source = postgres(source)
        .filter(|e| sqlstate::is_constraint(e.code()) && !sqlstate::is_foreign_key(e.code()))?;
    let refuses = |table: &sea_orm_archive_postgres::catalog::TableId| {
        source.schema() == Some(&table.schema) && source.table() == Some(&table.table)
    };
    let mut detached = planned.plan.detached.iter();
    let child = detached.find(|child| refuses(&child.table))?;
    Some((child.table.to_string(), source.constraint()?.to_owned()))
}

/// The error for a foreign key whose rows row-level security hides: rows of another tenant.
pub(super) fn hidden_child(planned: &Planned, error: &Error) -> Option<Error> {
    let Error::Database(source) = error else {
        return None;
    };
    let constraint = postgres(source)?.constraint()?;
    let plan = &planned.plan;
    let nodes = plan.nodes.iter().flat_map(|node| {
        let parents = node.parents.iter().map(|parent| &parent.key);
        parents.chain(&node.loops)
    });
    let detached = plan.detached.iter().flat_map(|child| &child.edges);
    let mut keys = nodes
        .chain(detached.map(|edge| &edge.key))
        .chain(plan.restrictions.iter().map(|r| &r.key));
    let key = keys.find(|key| key.name == constraint && key.child.hides_rows)?;
    Some(Error::Conflict(ConflictError::OtherTenant {
        table: key.child.to_string(),
    }))
}

/// The error for an actor that cannot be cast to the type of `deleted_by`; the statement casts no other text.
pub(super) fn actor_type(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    match postgres(source).filter(|e| sqlstate::is_invalid_text(e.code())) {
        Some(e) => Error::Refused(RefusedError::ActorType {
            table: planned.plan.root().table.id.to_string(),
            detail: e.message().to_owned(),
        }),
        None => error,
    }
}

/// The error for more roots than the answer can hold.
pub(super) fn too_many(planned: &Planned, error: Error) -> Error {
    match &error {
        Error::Database(source) if error::code(&error) == Some(sqlstate::TOO_MANY_ROOTS) => {
            let rows = postgres(source).and_then(|e| e.message().parse().ok());
            Error::Refused(RefusedError::TooManyRows {
                table: planned.plan.root().table.id.to_string(),
                rows: rows.unwrap_or_default(),
            })
        }
        _ => error,
    }
}

/// The error for an active row whose key exists in the archive table already; nothing else is unique there.
pub(super) fn duplicate_key(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    // A collision on the archival's own id (inserted with plain SQL) is not a key of this table.
    match postgres(source)
        .filter(|e| e.code() == sqlstate::UNIQUE_VIOLATION && e.schema() != Some("archive"))
    {
        Some(e) => Error::Conflict(ConflictError::DuplicateKey {
            table: planned.plan.root().table.id.to_string(),
            constraint: e.constraint().unwrap_or_default().to_owned(),
            detail: e
                .detail()
                .unwrap_or_else(|| e.message())
                .trim_end_matches('.')
                .to_owned(),
            archivals: Vec::new(),
        }),
        None => error,
    }
}

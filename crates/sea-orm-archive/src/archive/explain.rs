//! What an error of the database means for an archive.

use crate::error::{self, Error, postgres};
use crate::planned::Planned;

/// A foreign key: the database found rows that point at the tree; AR003: our guard did.
pub(super) fn is_blocked(error: &Error) -> bool {
    error::code(error).is_some_and(|code| error::is_foreign_key(&code) || code == error::RESTRICTED)
}

/// A foreign key whose rows row security hides: those of another tenant.
pub(super) fn unseen_child(planned: &Planned, error: &Error) -> Option<Error> {
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
    Some(Error::OtherTenant {
        table: key.child.to_string(),
    })
}

/// 22P02, 22003 and 22007: who acts cannot be read as the type of `deleted_by`. Nothing else is read from text
/// there.
pub(super) fn unfit_actor(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    match postgres(source).filter(|e| matches!(e.code(), "22P02" | "22003" | "22007" | "22001")) {
        Some(e) => Error::Actor {
            table: planned.plan.root().table.id.to_string(),
            detail: e.message().to_owned(),
        },
        None => error,
    }
}

/// 23505: the key of an active row is taken in its twin. Nothing else is unique there.
pub(super) fn key_archived(planned: &Planned, error: Error) -> Error {
    let Error::Database(source) = &error else {
        return error;
    };
    // A number of the ledger that somebody took by hand is none of the table's keys.
    match postgres(source).filter(|e| e.code() == "23505" && e.schema() != Some("archive")) {
        Some(e) => Error::KeyArchived {
            table: planned.plan.root().table.id.to_string(),
            constraint: e.constraint().unwrap_or_default().to_owned(),
            detail: e
                .detail()
                .unwrap_or_else(|| e.message())
                .trim_end_matches('.')
                .to_owned(),
        },
        None => error,
    }
}

//! The requirements on the foreign keys between a table that is archived and other tables.

use super::finding::Finding;
use crate::catalog::{ForeignKey, Table, TableId};
use crate::ident::quote;

fn sync(table: &str) -> String {
    format!("call manager.sync_archived_table({table:?}) in a migration")
}

/// Parents whose keys could change without an update of archived rows: a restore could find another row under the old key.
pub fn unfollowed_parents(outgoing: &[ForeignKey]) -> impl Iterator<Item = Finding> {
    outgoing
        .iter()
        .filter(|key| !key.follows_parent)
        .map(|key| {
            let problem = format!(
                "has archived rows that would not follow a key of {} that changes ({})",
                key.parent, key.name
            );
            Finding::new(&key.child, problem, sync(&key.child.table))
        })
}

/// The same for a row whose link is cut: another row with its old key would get the link.
pub fn unfollowed_links(key: &ForeignKey, parent: &TableId) -> Option<Finding> {
    let problem = || {
        format!(
            "has detached links that would not follow its primary key when that changes ({})",
            key.name
        )
    };
    (!key.follows_child).then(|| Finding::new(&key.child, problem(), sync(&parent.table)))
}

/// Everything that prevents links of archived rows of `child` from being cut and put back.
pub fn link_findings(key: &ForeignKey, child: &Table, archive: &Table) -> Vec<Finding> {
    let names = child.key.iter().map(|c| &c.name);
    let names = names.chain(key.columns.iter().map(|c| &c.child));
    let mut found: Vec<_> = names
        .filter(|name| {
            let (active, archived) = (child.column(name), archive.column(name));
            !active.zip(archived).is_some_and(|(a, b)| a.same_type(b))
        })
        .map(|name| {
            let problem = format!(
                "has no column {name} of the type that it has in {}",
                child.id
            );
            Finding::new(&archive.id, problem, sync(&child.id.table))
        })
        .collect();
    for trigger in archive.intercepting_updates().map(str::to_owned) {
        found.push(Finding::new(
            &archive.id,
            format!("has the trigger {trigger}, which may drop or change rows"),
            "make it an AFTER trigger, or drop it",
        ));
    }
    found
}

/// The foreign key enforces the policy of a declared edge: the database has to refuse a child that is inserted below an archived
/// parent. If it is NOT ENFORCED, nothing refuses it.
pub fn not_enforced(edge: &str, key: &ForeignKey) -> Finding {
    Finding::new(
        &key.child,
        format!(
            "has the foreign key {} NOT ENFORCED, so nothing enforces the policy that `{edge}` declares",
            key.name
        ),
        format!(
            "ALTER TABLE {} ALTER CONSTRAINT {} ENFORCED",
            key.child.sql(),
            quote(&key.name)
        ),
    )
}

/// Foreign keys by which the database could change rows that row security hides.
pub fn hidden_rows(incoming: &[ForeignKey]) -> impl Iterator<Item = Finding> {
    let unseen =
        |key: &&ForeignKey| key.child.hides_rows && !key.child.guarded && !key.on_delete.refuses();
    incoming.iter().filter(unseen).map(|key| {
        let problem = format!(
            "has rows that row security hides from this role, and {} would change them without a check (ON DELETE {})",
            key.name, key.on_delete
        );
        let remedy = "make the constraint NO ACTION, or put the table under tenancy with manager.enable_tenancy(..)";
        Finding::new(&key.child, problem, remedy)
    })
}

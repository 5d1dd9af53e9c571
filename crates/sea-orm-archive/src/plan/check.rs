//! What must be true of a table and its twin before a row moves. What is not understood is refused.

use std::collections::HashMap;

use sea_orm_archive_postgres::catalog::{ForeignKey, Form, Table, TableId, Twin};
use sea_orm_archive_postgres::compare::differences;
use sea_orm_archive_postgres::ident::quote;
use sea_orm_archive_postgres::model::Moved;

use crate::entity::Declaration;

/// Everything that is wrong with a table and its twin, each with its way out.
pub(super) fn problems(table: &Table, twin_table: &Table, twin: &Twin) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(table_problems(table));
    problems.extend(added_problems(table, twin_table, twin));
    let added = [&twin.deleted_at, &twin.deleted_by, &twin.archival_id].map(String::as_str);
    let stopping = differences(table, twin_table, &added);
    let stopping = stopping
        .iter()
        .filter(|difference| difference.stops_moves());
    problems.extend(stopping.map(|difference| difference.describe(&table.id, &twin_table.id)));
    problems
}

fn table_problems(table: &Table) -> Vec<String> {
    let id = &table.id;
    let mut problems = Vec::new();
    if !matches!(table.kind.as_str(), "r" | "p") {
        problems.push(format!("{id} is not a table: archive the table below it"));
    }
    if table.persistence == "t" {
        problems.push(format!("{id} is temporary: archive a table that stays"));
    }
    if table.is_partition {
        problems.push(format!(
            "{id} is a partition: declare its partitioned table instead"
        ));
    }
    if table.has_inheritors {
        problems.push(format!(
            "other tables inherit from {id} and their columns would be lost: use declarative partitioning, or NO INHERIT"
        ));
    }
    if table.has_rules {
        problems.push(format!(
            "rewrite rules stand on {id}: replace them by triggers"
        ));
    }
    if table.column("archive.archival_id").is_some() {
        problems.push(format!(
            "{id} has a column archive.archival_id, which is what our statements call theirs: rename it"
        ));
    }
    if table.key.is_empty() {
        problems.push(format!("{id} has no primary key: add one"));
    }
    for column in table.key.iter().filter(|c| c.form == Form::Inexact) {
        problems.push(format!(
            "the primary key of {id} contains {} of the type money, whose text depends on lc_monetary: make it numeric",
            column.name
        ));
    }
    problems
}

/// The columns that the archive table has beside those of its table.
fn added_problems(table: &Table, archive: &Table, twin: &Twin) -> Vec<String> {
    let (id, archive_id) = (&table.id, &archive.id);
    let mut problems = Vec::new();
    for name in [&twin.deleted_at, &twin.deleted_by, &twin.archival_id] {
        if table.column(name).is_some() {
            problems.push(format!(
                "{id} has a column {name}, which {archive_id} adds: rename what the archive adds with the attribute"
            ));
        }
        if archive.column(name).is_none() {
            problems.push(format!(
                "{archive_id} has no column {name}: add it again, as manager.archive_existing_table({:?}) had created it",
                id.table
            ));
        }
    }
    problems
}

fn intercepted(archive_table: &Table, trigger: &str) -> String {
    format!(
        "the trigger {trigger} may drop or change rows of {}: make it an AFTER trigger, or drop it",
        archive_table.id
    )
}

/// Parents whose keys could change unnoticed while a row is archived: a restore would find another row there.
pub(super) fn parent_key_problems(outgoing: &[ForeignKey]) -> impl Iterator<Item = String> {
    outgoing.iter().filter(|key| !key.follows_parent).map(|key| {
        format!(
            "archived rows of {} would not follow a key of {} that changes ({}): call manager.sync_archived_table({:?}) in a migration",
            key.child, key.parent, key.name, key.child.table
        )
    })
}

/// The same for a row whose link is cut: the link would go to another row with its old key.
pub(super) fn child_key_problem(key: &ForeignKey, parent: &TableId) -> Option<String> {
    (!key.follows_child).then(|| {
        format!(
            "detached links of {} would not follow its primary key when that changes ({}): call manager.sync_archived_table({:?}) in a migration",
            key.child, key.name, parent.table
        )
    })
}

/// What keeps archived rows of a table that stays from losing and getting back their link.
pub(super) fn link_problems(key: &ForeignKey, found: &HashMap<i64, Table>) -> Vec<String> {
    let child = found.get(&key.child.oid);
    let Some((child, twin)) = child.and_then(|child| Some((child, child.twin.as_ref()?))) else {
        return Vec::new();
    };
    let Some(archive_table) = found.get(&twin.id.oid) else {
        return Vec::new();
    };
    let names = child.key.iter().map(|c| &c.name);
    let names = names.chain(key.columns.iter().map(|c| &c.child));
    let mut problems: Vec<_> = names
        .filter(|name| {
            let (active, archived) = (child.column(name), archive_table.column(name));
            !active.zip(archived).is_some_and(|(a, b)| a.same_type(b))
        })
        .map(|name| {
            format!(
                "the column {name} of {} is missing in {} or has another type there: call manager.sync_archived_table({:?}) in a migration",
                child.id, twin.id, child.id.table
            )
        })
        .collect();
    for trigger in archive_table.intercepting_updates() {
        problems.push(intercepted(archive_table, &trigger));
    }
    problems
}

/// Whether the twin that is registered is the one that the entity declares.
pub(super) fn registration_problems(
    declaration: &Declaration,
    table: &Table,
    declared: &Table,
) -> Vec<String> {
    let id = &table.id;
    let Some(twin) = &table.twin else {
        return vec![format!(
            "{id} has no archive table: call manager.archive_existing_table({:?}) in a migration",
            id.table
        )];
    };
    let mut problems = Vec::new();
    if twin.id.oid != declared.id.oid {
        problems.push(format!(
            "the entity of {id} declares the archive table {}, and the migrations made {}: give both the same table_name",
            declared.id, twin.id
        ));
    }
    let added = &declaration.added;
    for (attribute, registered) in [
        (&added.deleted_at, &twin.deleted_at),
        (&added.deleted_by, &twin.deleted_by),
        (&added.archival_id, &twin.archival_id),
    ] {
        if attribute != registered {
            problems.push(format!(
                "the entity of {id} calls a column {attribute} that the migrations call {registered}: give both the same name"
            ));
        }
    }
    problems
}

/// A declared policy is kept by the foreign key: the database has to refuse a child that is inserted below an archived
/// parent. Where it is NOT ENFORCED nothing does.
pub(super) fn not_enforced(edge: &str, key: &ForeignKey) -> String {
    let table = key.child.sql();
    let name = quote(&key.name);
    format!(
        "`{edge}` is declared, but its foreign key {} of {} is NOT ENFORCED, so nothing keeps its policy: ALTER TABLE \
         {table} ALTER CONSTRAINT {name} ENFORCED",
        key.name, key.child
    )
}

/// Rows that row security hides would be changed by the database unseen.
pub(super) fn hidden_row_problems(moved: &Moved) -> Vec<String> {
    let table = &moved.table;
    table
        .incoming
        .iter()
        .filter(|key| key.child.hides_rows && !key.child.guarded && !key.on_delete.refuses())
        .map(|key| {
            format!(
                "row security hides rows of {} from this role, and {} would reach them unseen (ON DELETE {}): make the constraint NO ACTION, or put the table under tenancy with manager.enable_tenancy(..)",
                key.child, key.name, key.on_delete
            )
        })
        .collect()
}

//! Checks that the registered archive table is the one that the entity declares.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::compare::Finding;

use crate::entity::Declaration;

pub(super) fn registration(
    declaration: &Declaration,
    table: &Table,
    declared: &Table,
) -> Vec<Finding> {
    let id = &table.id;
    let Some(archive_table) = &table.archive_table else {
        return vec![Finding::new(
            id,
            "has no archive table",
            format!(
                "call manager.archive_existing_table({:?}) in a migration",
                id.table
            ),
        )];
    };
    let mut found = Vec::new();
    if archive_table.id.oid != declared.id.oid {
        let problem = format!(
            "has an entity that declares the archive table {}, and the migrations created {}",
            declared.id, archive_table.id
        );
        found.push(Finding::new(id, problem, "give both the same table_name"));
    }
    let added = &declaration.added;
    for (attribute, registered) in [
        (&added.deleted_at, &archive_table.deleted_at),
        (&added.deleted_by, &archive_table.deleted_by),
        (&added.archival_id, &archive_table.archival_id),
    ] {
        if attribute != registered {
            let problem = format!(
                "has an entity that names a column {attribute} that the migrations name {registered}"
            );
            found.push(Finding::new(id, problem, "give both the same name"));
        }
    }
    found
}

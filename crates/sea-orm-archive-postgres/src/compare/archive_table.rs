//! The requirements on a table and its archive table before a row moves.

use super::difference::{Difference, differences};
use super::finding::Finding;
use crate::catalog::{ArchiveTable, Form, Table};

/// What to do about a column of a table that has the name of one that its archive table adds.
pub const CLASH: &str = "rename or drop the column of the table; marks that an older application has written to it are adopted under its new name";

/// Everything that prevents rows of `table` from being archived, from staying archived, or from being restored. Of the
/// differences between the two tables only those that `counts` accepts.
pub fn archive_table_findings(
    table: &Table,
    archive: &Table,
    archive_table: &ArchiveTable,
    counts: impl Fn(&Difference) -> bool,
) -> Vec<Finding> {
    let added = [
        &archive_table.deleted_at,
        &archive_table.deleted_by,
        &archive_table.archival_id,
    ]
    .map(String::as_str);
    let mut found = table_findings(table);
    found.extend(added_columns(table, archive, &added));
    found.extend(exchanged(archive, archive_table));
    if archive_table.is_partitioned && table.defers_uniqueness {
        found.push(Finding::new(
            &table.id,
            "has a unique constraint that is DEFERRABLE, and a partitioned archive table: a key could be archived twice",
            "make it NOT DEFERRABLE",
        ));
    }
    let differences = differences(table, archive, &added);
    let differences = differences.iter().filter(|difference| counts(difference));
    found.extend(differences.map(|difference| difference.finding(&table.id, &archive.id)));
    found
}

fn table_findings(table: &Table) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut report = |problem: &str, remedy: &str| {
        found.push(Finding::new(&table.id, problem, remedy));
    };
    if !matches!(table.kind.as_str(), "r" | "p") {
        report("is not a table", "archive the table below it");
    }
    if table.persistence == "t" {
        report("is temporary", "archive a permanent table");
    }
    if table.is_partition {
        report("is a partition", "declare its partitioned table instead");
    }
    if table.has_inheritors {
        report(
            "has tables that inherit from it, whose columns would be lost",
            "use declarative partitioning, or NO INHERIT",
        );
    }
    if table.has_rules {
        report("has rewrite rules", "replace them by triggers");
    }
    if table.column("archive.archival_id").is_some() {
        report(
            "has a column archive.archival_id, a name that the statements of sea-orm-archive use",
            "rename it",
        );
    }
    if table.key.is_empty() {
        report("has no primary key", "add one");
    }
    for column in table.key.iter().filter(|c| c.form == Form::Inexact) {
        let problem = format!(
            "has a primary key that contains {} of the type money, whose text depends on lc_monetary",
            column.name
        );
        report(&problem, "make it numeric");
    }
    found
}

/// Whether another column has the name of the archival id: rows of other archivals would move.
fn exchanged(archive: &Table, archive_table: &ArchiveTable) -> Option<Finding> {
    let name = &archive_table.archival_id;
    let now = archive_table.renamed_archival_id.as_ref()?;
    archive.column(name)?;
    let problem = format!(
        "has the ids of the archivals in the column {now}, and another column is named {name}"
    );
    Some(Finding::new(&archive.id, problem, "rename both back"))
}

/// Findings about the columns that the archive table has in addition to those of its table.
fn added_columns(table: &Table, archive: &Table, added: &[&str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in added {
        if table.column(name).is_some() {
            found.push(Finding::new(
                &table.id,
                format!(
                    "has a column {name}, and its archive table {} adds one of that name",
                    archive.id
                ),
                CLASH,
            ));
        }
        if archive.column(name).is_none() {
            found.push(Finding::new(
                &archive.id,
                format!("has no column {name}"),
                format!(
                    "add it again, as manager.archive_existing_table({:?}) had created it",
                    table.id.table
                ),
            ));
        }
    }
    found
}

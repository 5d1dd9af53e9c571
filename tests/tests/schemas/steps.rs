//! The steps of a story.

use proptest::prelude::*;

use crate::schemas::schema::TABLES;

/// One step. Rows, parents and archivals are numbers among those that exist at the step, so that a story stays valid when
/// proptest removes steps.
#[derive(Clone, Debug)]
pub enum Step {
    /// A new row, with a parent by each foreign key.
    Insert {
        table: usize,
        parents: [u8; 4],
        name: u8,
        load: String,
        /// Whether it gets the id of an archived row.
        reuse: bool,
    },
    /// An active row gets another parent, or none.
    Relink {
        table: usize,
        row: u8,
        edge: u8,
        parent: u8,
    },
    /// An active row gets other values.
    Change {
        table: usize,
        row: u8,
        name: u8,
        load: String,
    },
    /// A row without children is deleted.
    Delete {
        table: usize,
        row: u8,
    },
    ArchiveOne {
        table: usize,
        row: u8,
    },
    /// Every row whose id, modulo eight, is a set bit of `rows`.
    ArchiveMany {
        table: usize,
        rows: u8,
    },
    RestoreOne {
        table: usize,
        row: u8,
    },
    RestoreArchival {
        archival: u8,
    },
    /// The same after a column was renamed, which then gets its name back.
    RestoreRenamed {
        archival: u8,
        table: usize,
        column: u8,
    },
    /// The column `spare` of a table and its archive table is dropped, which the entities do not declare.
    DropColumn {
        table: usize,
    },
    /// The end of a transaction, with `Boundaries::Transactions`.
    Boundary {
        commit: bool,
    },
}

fn inserts(reuse: f64) -> impl Strategy<Value = Step> {
    (
        0..TABLES,
        any::<[u8; 4]>(),
        any::<u8>(),
        "\\PC{0,6}",
        prop::bool::weighted(reuse),
    )
        .prop_map(|(table, parents, name, load, reuse)| Step::Insert {
            table,
            parents,
            name,
            load,
            reuse,
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let table = 0..TABLES;
    let row = any::<u8>();
    prop_oneof![
        3 => inserts(0.1),
        3 => (table.clone(), row, row, row)
            .prop_map(|(table, row, edge, parent)| Step::Relink { table, row, edge, parent }),
        1 => (table.clone(), row, row, "\\PC{0,6}")
            .prop_map(|(table, row, name, load)| Step::Change { table, row, name, load }),
        1 => (table.clone(), row).prop_map(|(table, row)| Step::Delete { table, row }),
        8 => (table.clone(), row).prop_map(|(table, row)| Step::ArchiveOne { table, row }),
        3 => (table.clone(), row).prop_map(|(table, rows)| Step::ArchiveMany { table, rows }),
        4 => (table.clone(), row).prop_map(|(table, row)| Step::RestoreOne { table, row }),
        1 => table.clone().prop_map(|table| Step::DropColumn { table }),
        3 => (row, table, row)
            .prop_map(|(archival, table, column)| Step::RestoreRenamed { archival, table, column }),
        6 => row.prop_map(|archival| Step::RestoreArchival { archival }),
        2 => prop::bool::weighted(0.7).prop_map(|commit| Step::Boundary { commit }),
    ]
}

/// Some rows first, then any steps.
pub fn stories() -> impl Strategy<Value = Vec<Step>> {
    let first = prop::collection::vec(inserts(0.0), 4..24);
    let then = prop::collection::vec(steps(), 4..32);
    (first, then).prop_map(|(mut first, then)| {
        first.extend(then);
        first
    })
}

//! What an adoption did, or would do.

use sea_orm_migration::DbErr;

use crate::{
    adopt::{collect::Rows, subject::Subject},
    work::Work,
};

/// The result of [`adopt_soft_deleted`](crate::AdoptSchema::adopt_soft_deleted).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Adopted {
    /// What left which table, in the order of the call.
    pub tables: Vec<AdoptedTable>,
    /// How many archivals the rows belong to.
    pub archivals: u64,
}

/// The part of an adoption that concerns one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AdoptedTable {
    /// `schema.table`.
    pub table: String,
    /// How many marked rows are archived now.
    pub marked: u64,
    /// How many rows without a mark were archived with a marked row that they refer to.
    pub unmarked: u64,
    /// How many archivals have their root here.
    pub roots: u64,
    /// The indexes that no longer depend on the mark. They have the same names.
    pub replaced_indexes: Vec<String>,
    /// The indexes that were dropped with the marking columns.
    pub dropped_indexes: Vec<String>,
    /// The marking columns that were dropped.
    pub dropped_columns: Vec<String>,
}

impl Adopted {
    /// How many rows are archived now, of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|t| t.marked + t.unmarked).sum()
    }
}

/// The result of [`preview_adopt`](crate::AdoptSchema::preview_adopt).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AdoptPreview {
    /// What an adoption would do if there were no problems.
    pub adopted: Adopted,
    /// What prevents the adoption, each with what to do. An adoption is refused while there is one.
    pub problems: Vec<String>,
}

/// The result of [`adopt_batch`](crate::AdoptSchema::adopt_batch).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AdoptedBatch {
    /// What this batch moved.
    pub adopted: Adopted,
    /// How many marked rows are left in the tables, including those of the last minute.
    pub left: u64,
}

/// Counts the collected rows.
pub(crate) async fn count(
    work: &Work,
    subjects: &[Subject],
    archivals: u64,
) -> Result<Adopted, DbErr> {
    let mut tables = Vec::new();
    for subject in subjects {
        let sql = format!(
            "SELECT pg_catalog.count(*) FILTER (WHERE {MARKED}) AS marked, pg_catalog.count(*) FILTER (WHERE NOT {MARKED}) AS unmarked, \
             pg_catalog.count(*) FILTER (WHERE {PARENT} IS NULL) AS roots FROM {}",
            subject.rows(),
            MARKED = Rows::MARKED,
            PARENT = Rows::PARENT,
        );
        let counts = work.row(&sql, []).await?;
        let count = |column: &str| -> Result<u64, DbErr> {
            Ok(counts.try_get::<i64>("", column)?.unsigned_abs())
        };
        tables.push(AdoptedTable {
            table: subject.table.id.to_string(),
            marked: count("marked")?,
            unmarked: count("unmarked")?,
            roots: count("roots")?,
            ..AdoptedTable::default()
        });
    }
    Ok(Adopted { tables, archivals })
}

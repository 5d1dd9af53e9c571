//! Collects the rows of an adoption: the marked rows, and what has to leave with them.
//!
//! A row cannot stay behind in its table while a row that it refers to leaves it. So the rows below a marked row are collected too,
//! marked or not; `group` decides to which archival each belongs.

use sea_orm_archive_postgres::ident::{columns, joined, same_key};
use sea_orm_migration::DbErr;

use crate::{
    adopt::subject::{Edge, Subject},
    work::Work,
};

/// The columns that the temporary table of a table has beside its keys.
pub(crate) struct Rows;

impl Rows {
    /// Whether the row is marked.
    pub(crate) const MARKED: &str = "\"archive.marked\"";
    /// When it was deleted.
    pub(crate) const AT: &str = "\"archive.at\"";
    /// Who deleted it, as text.
    pub(crate) const BY: &str = "\"archive.by\"";
    /// Why.
    pub(crate) const REASON: &str = "\"archive.reason\"";
    /// Its tenant.
    pub(crate) const TENANT: &str = "\"archive.tenant\"";
    /// The edge to the row whose archival it belongs to; NULL for a root.
    pub(crate) const PARENT: &str = "\"archive.parent\"";
    /// The id of its archival.
    pub(crate) const ARCHIVAL: &str = "\"archive.archival\"";
}

/// Collects all marked rows, and the rows below them.
///
/// Race: the tables are locked, so no row is marked or added meanwhile.
pub(crate) async fn all(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    create(work, subjects).await?;
    for subject in subjects {
        let condition = subject.is_marked("t");
        work.run(&insert(subject, subjects, &condition, "")).await?;
    }
    while below(work, subjects, "").await? > 0 {}
    analyze(work, subjects).await
}

/// Creates the temporary tables.
pub(crate) async fn create(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    for subject in subjects {
        let rows = subject.rows();
        let sql = format!(
            "DROP TABLE IF EXISTS {rows}; CREATE TEMPORARY TABLE {} ON COMMIT DROP AS {} WITH NO DATA",
            rows.trim_start_matches("pg_temp."),
            select(subject, subjects, "false"),
        );
        work.run(&sql).await?;
    }
    Ok(())
}

/// Tells the planner how many rows there are.
pub(crate) async fn analyze(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    for subject in subjects {
        work.run(&format!("ANALYZE {}", subject.rows())).await?;
    }
    Ok(())
}

/// Drops the temporary tables.
pub(crate) async fn forget(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    for subject in subjects {
        work.run(&format!("DROP TABLE {}", subject.rows())).await?;
    }
    Ok(())
}

/// Collects the rows that refer to collected ones, one level. Returns how many there are.
pub(crate) async fn below(work: &Work, subjects: &[Subject], lock: &str) -> Result<u64, DbErr> {
    let mut added = 0;
    for edge in edges(subjects) {
        let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
        let condition = format!(
            "EXISTS (SELECT FROM {} AS p WHERE {}) AND NOT EXISTS (SELECT FROM {} AS m WHERE {})",
            parent.rows(),
            joined(&edge.key, "p", "t"),
            child.rows(),
            same_key(&child.table.key, "m", "t"),
        );
        added += work
            .affected(&insert(child, subjects, &condition, lock))
            .await?;
    }
    Ok(added)
}

/// The edges of all tables.
pub(crate) fn edges(subjects: &[Subject]) -> impl Iterator<Item = &Edge> {
    subjects.iter().flat_map(|subject| &subject.edges)
}

/// Collects the rows `t` of the table that meet the condition.
pub(crate) fn insert(
    subject: &Subject,
    subjects: &[Subject],
    condition: &str,
    tail: &str,
) -> String {
    format!(
        "INSERT INTO {} {}{tail}",
        subject.rows(),
        select(subject, subjects, condition)
    )
}

fn select(subject: &Subject, subjects: &[Subject], condition: &str) -> String {
    format!(
        "SELECT {}, {} AS {}, (CASE WHEN {} THEN {} END) AS {}, {} AS {}, {} AS {}, {} AS {}, NULL::pg_catalog.int4 AS {}, \
         NULL::pg_catalog.int8 AS {} FROM {} AS t WHERE {condition}",
        columns("t", wanted(subject, subjects).iter().map(String::as_str)),
        subject.is_marked("t"),
        Rows::MARKED,
        subject.is_marked("t"),
        subject.time("t"),
        Rows::AT,
        subject.text("t", subject.declared.deleted_by.as_ref()),
        Rows::BY,
        subject.text("t", subject.declared.reason.as_ref()),
        Rows::REASON,
        subject.tenant("t"),
        Rows::TENANT,
        Rows::PARENT,
        Rows::ARCHIVAL,
        subject.table.id.sql(),
    )
}

/// The columns that keys and foreign keys of the adoption need.
fn wanted(subject: &Subject, subjects: &[Subject]) -> Vec<String> {
    let mut wanted: Vec<String> = subject.table.key.iter().map(|c| c.name.clone()).collect();
    let mut add = |name: &String| {
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    };
    for edge in edges(subjects) {
        for column in &edge.key.columns {
            if edge.child == subject.n {
                add(&column.child);
            }
            if edge.parent == subject.n {
                add(&column.parent);
            }
        }
    }
    // Foreign keys of tables outside of the adoption, whose rows are counted.
    for key in &subject.table.incoming {
        for column in &key.columns {
            add(&column.parent);
        }
    }
    wanted
}

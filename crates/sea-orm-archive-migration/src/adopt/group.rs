//! Decides to which archival each collected row belongs.
//!
//! A marked row belongs to the archival of a row that it refers to if both were deleted together: at the same time, and its person and
//! its reason are empty or the same. Every other marked row is the root of an archival of its own. A row without a mark belongs to the
//! archival of a row that it refers to. Of several such rows, the one of the first foreign key by name counts.

use sea_orm_archive_postgres::ident::{joined, key_object, same_key};
use sea_orm_migration::DbErr;

use crate::{
    adopt::{
        collect::{self, Rows},
        subject::{Edge, Subject},
    },
    name::literal,
    work::Work,
};

/// The roots, with the ids of their archivals.
pub(crate) const ROOTS: &str = "pg_temp.archive_adopted_root";

/// Gives each collected row its archival. Returns how many archivals there are.
pub(crate) async fn rows(work: &Work, subjects: &[Subject]) -> Result<u64, DbErr> {
    for edge in collect::edges(subjects) {
        work.run(&choose(subjects, edge)).await?;
    }
    let archivals = draw(work, subjects).await?;
    loop {
        let mut given = 0;
        for edge in collect::edges(subjects) {
            given += work.affected(&inherit(subjects, edge)).await?;
        }
        if given == 0 {
            return Ok(archivals);
        }
    }
}

/// Notes the edge to the row whose archival a row belongs to.
fn choose(subjects: &[Subject], edge: &Edge) -> String {
    let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
    let itself = match edge.child == edge.parent {
        true => format!(" AND NOT ({})", same_key(&child.table.key, "p", "c")),
        false => String::new(),
    };
    format!(
        "UPDATE {} AS c SET {PARENT} = {} FROM {} AS p WHERE c.{PARENT} IS NULL AND {}{itself} AND (NOT c.{MARKED} OR {})",
        child.rows(),
        edge.place,
        parent.rows(),
        joined(&edge.key, "p", "c"),
        together(child, "p", "c"),
        PARENT = Rows::PARENT,
        MARKED = Rows::MARKED,
    )
}

/// The condition that a marked row was deleted together with a row that it refers to.
pub(crate) fn together(child: &Subject, parent: &str, row: &str) -> String {
    let same = |name: &str| format!("({row}.{name} IS NULL OR {row}.{name} = {parent}.{name})");
    let apart = child.declared.together_within_ms;
    let at = Rows::AT;
    // Two equal infinities have no difference.
    let time = match apart {
        0 => format!("{row}.{at} = {parent}.{at}"),
        _ => format!(
            "{row}.{at} BETWEEN {parent}.{at} - {apart} * interval '1 millisecond' AND {parent}.{at} + {apart} * interval '1 millisecond'"
        ),
    };
    format!(
        "{parent}.{MARKED} AND {time} AND {} AND {} AND {row}.{TENANT} IS NOT DISTINCT FROM {parent}.{TENANT}",
        same(Rows::BY),
        same(Rows::REASON),
        MARKED = Rows::MARKED,
        TENANT = Rows::TENANT,
    )
}

/// Draws the ids of the archivals in the order of their times, and gives them to the roots. A later archival has a larger id.
async fn draw(work: &Work, subjects: &[Subject]) -> Result<u64, DbErr> {
    let roots: Vec<_> = subjects.iter().map(roots_of).collect();
    let name = ROOTS.trim_start_matches("pg_temp.");
    work.run(&format!(
        "DROP TABLE IF EXISTS {ROOTS};
         CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS
         SELECT pg_catalog.nextval('archive.archival_id_seq') AS id, r.*
         FROM ({} ORDER BY at, place, key) AS r;
         ANALYZE {ROOTS}",
        roots.join(" UNION ALL ")
    ))
    .await?;
    for subject in subjects {
        work.run(&format!(
            "UPDATE {} AS c SET {} = r.id FROM {ROOTS} AS r WHERE r.place = {} AND c.{} IS NULL AND r.key = {}",
            subject.rows(),
            Rows::ARCHIVAL,
            subject.n,
            Rows::PARENT,
            key_object(&subject.table.key, "c"),
        ))
        .await?;
    }
    let row = work
        .row(
            &format!("SELECT pg_catalog.count(*) AS roots FROM {ROOTS}"),
            [],
        )
        .await?;
    Ok(row.try_get::<i64>("", "roots")?.unsigned_abs())
}

fn roots_of(subject: &Subject) -> String {
    format!(
        "SELECT {} AS place, {} AS key, {} AS table_name, c.{} AS at, c.{} AS by, c.{} AS reason, c.{} AS tenant FROM {} AS c \
         WHERE c.{} IS NULL AND c.{}",
        subject.n,
        key_object(&subject.table.key, "c"),
        literal(&subject.table.id.to_string()),
        Rows::AT,
        Rows::BY,
        Rows::REASON,
        Rows::TENANT,
        subject.rows(),
        Rows::PARENT,
        Rows::MARKED,
    )
}

/// Gives rows the archival of the row that they belong to.
fn inherit(subjects: &[Subject], edge: &Edge) -> String {
    let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
    format!(
        "UPDATE {} AS c SET {ARCHIVAL} = p.{ARCHIVAL} FROM {} AS p \
         WHERE c.{ARCHIVAL} IS NULL AND c.{} = {} AND p.{ARCHIVAL} IS NOT NULL AND {}",
        child.rows(),
        parent.rows(),
        Rows::PARENT,
        edge.place,
        joined(&edge.key, "p", "c"),
        ARCHIVAL = Rows::ARCHIVAL,
    )
}

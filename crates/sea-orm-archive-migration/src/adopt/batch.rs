//! An adoption in batches, beside traffic.

use sea_orm_archive_postgres::ident::{joined, same_key};
use sea_orm_archive_postgres::sqlstate;
use sea_orm_migration::DbErr;

use crate::{
    adopt::{
        SoftDeleted, check, collect,
        collect::Rows,
        columns, create, group, refuse, report,
        report::AdoptedBatch,
        shift,
        subject::{self, Edge, Subject},
    },
    work::{self, Work},
};

/// Moves about `limit` marked rows, the oldest first, with what has to leave with them.
///
/// Race: a marked row is locked before it moves, so it is not unmarked meanwhile, and no row can come to refer to it. Marked rows that
/// other transactions have locked are left to a later batch. A row that has to leave with a locked one is not waited for: a batch that
/// waits while it holds locks could deadlock with a writer. [`is_locked`] recognizes that error, and the batch begins again.
pub(crate) async fn adopt_batch(
    work: &Work,
    tables: &[SoftDeleted],
    limit: u32,
) -> Result<AdoptedBatch, DbErr> {
    let subjects = subject::resolve(work, tables, false).await?;
    for subject in &subjects {
        subject.archive_table().map_err(|_| {
            DbErr::Migration(format!(
                "{} has no archive table: call `manager.begin_adoption(..)` first",
                subject.table.id
            ))
        })?;
    }
    // No migration changes the tables between the reading of the catalog and the move; writers are not blocked.
    let subjects = subject::locked(work, subjects, "ROW EXCLUSIVE").await?;
    if subjects.is_empty() {
        return Ok(AdoptedBatch::default());
    }
    create::refuse_unfit(work, &subjects).await?;
    let forced = work.unforced(&subject::names(&subjects)).await?;
    if let Some(table) = forced {
        return Err(DbErr::Migration(format!(
            "{table} forces row-level security on its owner, which batches do not lift: adopt it with `manager.adopt_soft_deleted(..)`"
        )));
    }
    let left = left(work, &subjects).await?;
    // A batch of no row would leave all of them to the last pass, under its lock.
    collect(work, &subjects, limit.max(1)).await?;
    let archivals = group::rows(work, &subjects).await?;
    refuse("adopted", &check::problems_of_rows(work, &subjects).await?)?;
    let adopted = report::count(work, &subjects, archivals).await?;
    shift::rows(work, &subjects).await?;
    for subject in &subjects {
        columns::clear(work, subject).await?;
    }
    collect::forget(work, &subjects).await?;
    let marked = adopted.tables.iter().map(|t| t.marked).sum();
    Ok(AdoptedBatch {
        left: left.saturating_sub(marked),
        adopted,
    })
}

/// Whether a batch failed because another transaction had locked a row.
pub(crate) fn is_locked(error: &DbErr) -> bool {
    work::sqlstate_of(error).is_some_and(|code| code == sqlstate::LOCK_NOT_AVAILABLE)
}

/// Lets the transaction with that lock go on, before the next attempt.
pub(crate) async fn wait(work: &Work) -> Result<(), DbErr> {
    work.run("SELECT pg_catalog.pg_sleep(0.02)").await
}

/// How many rows are marked. It is counted before any row is locked.
async fn left(work: &Work, subjects: &[Subject]) -> Result<u64, DbErr> {
    let mut left = 0;
    for subject in subjects.iter().filter(|s| !s.declared.unmarked) {
        let sql = format!(
            "SELECT pg_catalog.count(*) AS rows FROM {} AS t WHERE {}",
            subject.table.id.sql(),
            subject.is_marked("t")
        );
        left += work
            .row(&sql, [])
            .await?
            .try_get::<i64>("", "rows")?
            .unsigned_abs();
    }
    Ok(left)
}

/// Collects and locks the rows of a batch. A mark of the last minute is left to a later one: rows that are deleted together may not all be
/// marked yet.
async fn collect(work: &Work, subjects: &[Subject], limit: u32) -> Result<(), DbErr> {
    collect::create(work, subjects).await?;
    for subject in subjects.iter().filter(|s| !s.declared.unmarked) {
        let condition = format!(
            "{} AND {} < pg_catalog.clock_timestamp() - interval '1 minute' - {} * interval '1 millisecond'",
            subject.is_marked("t"),
            subject.time("t"),
            subject.declared.together_within_ms,
        );
        let tail = format!(
            " ORDER BY {} LIMIT {limit} FOR UPDATE OF t SKIP LOCKED",
            subject.time("t")
        );
        work.run(&collect::insert(subject, subjects, &condition, &tail))
            .await?;
    }
    loop {
        let mut added = collect::below(work, subjects, " FOR UPDATE OF t NOWAIT").await?;
        for edge in collect::edges(subjects) {
            added += work.affected(&above(subjects, edge)).await?;
        }
        if added == 0 {
            return collect::analyze(work, subjects).await;
        }
    }
}

/// Collects the marked rows that a collected row was deleted together with: they belong to one archival.
fn above(subjects: &[Subject], edge: &Edge) -> String {
    let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
    let row = format!(
        "(SELECT true AS {}, {} AS {}, {} AS {}, {} AS {}, {} AS {}) AS p",
        Rows::MARKED,
        parent.time("t"),
        Rows::AT,
        parent.text("t", parent.declared.deleted_by.as_ref()),
        Rows::BY,
        parent.text("t", parent.declared.reason.as_ref()),
        Rows::REASON,
        parent.tenant("t"),
        Rows::TENANT,
    );
    let condition = format!(
        "{} AND NOT EXISTS (SELECT FROM {} AS m WHERE {}) AND EXISTS (SELECT FROM {} AS c CROSS JOIN LATERAL {row} WHERE c.{} AND {} AND {})",
        parent.is_marked("t"),
        parent.rows(),
        same_key(&parent.table.key, "m", "t"),
        child.rows(),
        Rows::MARKED,
        joined(&edge.key, "t", "c"),
        group::together(child, "p", "c"),
    );
    collect::insert(parent, subjects, &condition, " FOR UPDATE OF t NOWAIT")
}

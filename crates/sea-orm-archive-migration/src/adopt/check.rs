//! What prevents an adoption.

use std::collections::BTreeSet;

use sea_orm_archive_postgres::catalog::{OnDelete, TableId};
use sea_orm_archive_postgres::ident::{joined, key_object, same_key};
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    adopt::{
        collect::{self, Rows},
        options::LiveChildren,
        subject::{Edge, Subject, Times},
    },
    name::quote,
    work::Work,
};

/// Locks the tables outside of the adoption whose rows refer to adopted tables.
///
/// Race: a row that comes to refer to a marked row after it was counted. A foreign key with CASCADE or SET NULL would delete or change it
/// when the marked row leaves its table.
pub(crate) async fn lock_children(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    let mut names = BTreeSet::new();
    for subject in subjects {
        let others = subject.table.incoming.iter().map(|key| &key.child);
        names.extend(
            others
                .filter(|child| !is_adopted(subjects, child))
                .map(TableId::sql),
        );
    }
    for name in names {
        work.run(&format!("LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))
            .await?;
    }
    Ok(())
}

fn is_adopted(subjects: &[Subject], table: &TableId) -> bool {
    subjects.iter().any(|s| s.table.id.oid == table.oid)
}

/// All problems of the collected rows and of their tables, each with what to do.
pub(crate) async fn problems(work: &Work, subjects: &[Subject]) -> Result<Vec<String>, DbErr> {
    let mut problems = problems_of_rows(work, subjects).await?;
    for subject in subjects {
        problems.extend(zones(work, subject).await?);
        problems.extend(contradictions(work, subject).await?);
        problems.extend(remnants(work, subject).await?);
        problems.extend(archived_marks(work, subject).await?);
    }
    Ok(problems)
}

/// The same without those that the whole table is read for.
pub(crate) async fn problems_of_rows(
    work: &Work,
    subjects: &[Subject],
) -> Result<Vec<String>, DbErr> {
    let mut problems = Vec::new();
    for subject in subjects {
        problems.extend(triggers(subject));
        problems.extend(tenancy(work, subject).await?);
        problems.extend(times(work, subject).await?);
        problems.extend(others(work, subjects, subject).await?);
        problems.extend(rings(work, subject).await?);
        problems.extend(archived_keys(work, subject).await?);
    }
    for edge in collect::edges(subjects) {
        problems.extend(live(work, subjects, edge).await?);
        problems.extend(tenants(work, subjects, edge).await?);
    }
    Ok(problems)
}

/// Triggers and rules that would act on rows that are not deleted, but moved.
fn triggers(subject: &Subject) -> Vec<String> {
    let table = &subject.table;
    let mut problems = Vec::new();
    if table.has_rules {
        problems.push(format!(
            "{} has rewrite rules, which would change what the move deletes: drop them first",
            table.id
        ));
    }
    let acting = table.row_triggers.iter().filter(|trigger| {
        trigger.on_delete && !trigger.ours && !trigger.suspended_while.contains(&table.id.oid)
    });
    for trigger in acting {
        problems.push(format!(
            "the trigger \"{}\" of {} fires on DELETE, and would act on rows that are moved: call `manager.begin_adoption(..)`, and then \
             `manager.suspend_trigger(SuspendedTrigger::new(\"{}\", \"{}\"))`",
            trigger.name, table.id, table.id.table, trigger.name
        ));
    }
    problems
}

/// A role that acts for one tenant: the guards of tenancy refuse to move the rows of others.
async fn tenancy(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    if subject.table.id.tenant.is_none() {
        return Ok(None);
    }
    let row = work
        .row("SELECT archive.acts_for('') AS acts_for_all", [])
        .await?;
    let acts_for_all: bool = row.try_get("", "acts_for_all")?;
    Ok((!acts_for_all).then(|| {
        format!(
            "{} is under tenancy, and this role does not act for all tenants: adopt it as a role with BYPASSRLS, or before \
             `manager.enable_tenancy(..)`",
            subject.table.id
        )
    }))
}

/// Times that cannot be those of a deletion.
async fn times(work: &Work, subject: &Subject) -> Result<Vec<String>, DbErr> {
    let mut problems = Vec::new();
    let (at, marked, table) = (Rows::AT, Rows::MARKED, &subject.table.id);
    let cases = [
        (
            format!("c.{at} IS NULL"),
            "have no time: pass one with `.time_if_unknown(..)`, or the column that has it with `.time_of(..)`",
        ),
        (
            format!(
                "c.{at} > pg_catalog.clock_timestamp() + interval '1 minute' AND pg_catalog.isfinite(c.{at})"
            ),
            "are to be deleted in the future: clear these marks, or wait",
        ),
        (
            format!("NOT pg_catalog.isfinite(c.{at})"),
            "have an infinite time: set the time at which they were deleted",
        ),
    ];
    for (condition, text) in cases {
        let sql = format!(
            "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE c.{marked} AND {condition}",
            first_key(subject),
            subject.rows()
        );
        let row = work.row(&sql, []).await?;
        if let Some((rows, key)) = counted(&row)? {
            problems.push(format!(
                "{rows} marked rows of {table}, such as {key}, {text}"
            ));
        }
    }
    Ok(problems)
}

/// Local times that do not exist in their zone: their instant is another time when it is read back.
async fn zones(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let Some(name) = &subject.declared.deleted_at else {
        return Ok(None);
    };
    if !matches!(subject.times, Times::Local | Times::Dates) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, pg_catalog.min(t.{column}::pg_catalog.text) AS key FROM {} AS t WHERE {} AND \
         t.{column} IS NOT NULL AND pg_catalog.isfinite(t.{column}) AND {} IS DISTINCT FROM t.{column}",
        subject.table.id.sql(),
        subject.is_marked("t"),
        subject.local(&subject.time("t")),
        column = quote(name),
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, time)| {
        format!(
            "{rows} times in \"{name}\" of {}, such as {time}, do not exist in the zone {}: pass the zone in which they are meant",
            subject.table.id,
            subject.zone()
        )
    }))
}

async fn contradictions(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let Some(condition) = subject.is_contradictory("c") else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE {condition}",
        first_key(subject),
        subject.table.id.sql()
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, have a time of deletion but are not marked as deleted: set either",
            subject.table.id
        )
    }))
}

/// Values of rows that are not marked in columns that are dropped: of a row that was deleted once and restored.
async fn remnants(work: &Work, subject: &Subject) -> Result<Vec<String>, DbErr> {
    let mut problems = Vec::new();
    let named = [&subject.declared.deleted_by, &subject.declared.reason];
    let dropped = subject.dropped_columns();
    let named: Vec<_> = named
        .into_iter()
        .flatten()
        .filter(|name| dropped.contains(name))
        .cloned()
        .collect();
    for name in named {
        let sql = format!(
            "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE NOT {} AND c.{} IS DISTINCT FROM NULL",
            first_key(subject),
            subject.table.id.sql(),
            subject.is_marked("c"),
            quote(&name)
        );
        let row = work.row(&sql, []).await?;
        if let Some((rows, key)) = counted(&row)? {
            problems.push(format!(
                "{rows} rows of {}, such as {key}, are not marked and have a value in \"{name}\", which would be dropped: clear it, or leave \
                 the columns in the table with `.keep_columns()`",
                subject.table.id
            ));
        }
    }
    Ok(problems)
}

/// Marks of rows that `archive` has archived: they would be dropped with the columns. Those of adopted rows are in the added columns.
async fn archived_marks(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let Some(archive_table) = &subject.table.archive_table else {
        return Ok(None);
    };
    if subject.dropped_columns().is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE {} AND NOT EXISTS (
             SELECT FROM archive.archival AS a WHERE a.id = c.{} AND a.metadata->>'adopted' = 'true')",
        first_key(subject),
        archive_table.id.sql(),
        subject.is_marked("c"),
        quote(&archive_table.archival_id)
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, were marked when they were archived, and their marks would be dropped: clear the marks there",
            archive_table.id
        )
    }))
}

/// Rows of other tables that refer to rows that would leave theirs.
async fn others(
    work: &Work,
    subjects: &[Subject],
    subject: &Subject,
) -> Result<Vec<String>, DbErr> {
    let mut problems = Vec::new();
    for key in &subject.table.incoming {
        if is_adopted(subjects, &key.child) {
            continue;
        }
        let sql = format!(
            "SELECT pg_catalog.count(*) AS rows, '' AS key FROM {} AS t WHERE EXISTS (SELECT FROM {} AS p WHERE {})",
            key.child.sql(),
            subject.rows(),
            joined(key, "p", "t"),
        );
        let row = work.row(&sql, []).await?;
        if let Some((rows, _)) = counted(&row)? {
            let effect = match key.on_delete {
                OnDelete::Cascade => ", and would be deleted",
                OnDelete::SetNull | OnDelete::SetDefault => ", and would lose the reference",
                OnDelete::NoAction | OnDelete::Restrict => "",
            };
            problems.push(format!(
                "{rows} rows of {key} refer to rows of {} that would leave it{effect} (foreign key \"{}\"): adopt {} in the same call, with \
                 `SoftDeleted::unmarked(\"{}\")` if it has no mark, or change these rows first",
                subject.table.id, key.name, key.child, key.child.table
            ));
        }
    }
    Ok(problems)
}

/// Rows without a mark below a row that leaves its table.
async fn live(work: &Work, subjects: &[Subject], edge: &Edge) -> Result<Option<String>, DbErr> {
    let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
    if child.declared.live_children == LiveChildren::Archive {
        return Ok(None);
    }
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE NOT c.{} AND c.{} = {}",
        first_key(child),
        child.rows(),
        Rows::MARKED,
        Rows::PARENT,
        edge.place
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, are not marked and refer to marked rows of {} (foreign key \"{}\"): archive them with these \
             rows, with `.live_children(LiveChildren::Archive)`, or mark or change them first",
            child.table.id, parent.table.id, edge.key.name
        )
    }))
}

/// Rows without a mark that belong to another tenant than the row that they would be archived with.
async fn tenants(work: &Work, subjects: &[Subject], edge: &Edge) -> Result<Option<String>, DbErr> {
    let (child, parent) = (&subjects[edge.child], &subjects[edge.parent]);
    if child.table.id.tenant.is_none() || parent.table.id.tenant.is_none() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c JOIN {} AS p ON {} \
         WHERE c.{} = {} AND c.{TENANT} IS DISTINCT FROM p.{TENANT}",
        first_key(child),
        child.rows(),
        parent.rows(),
        joined(&edge.key, "p", "c"),
        Rows::PARENT,
        edge.place,
        TENANT = Rows::TENANT,
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, belong to another tenant than the rows of {} that they would be archived with",
            child.table.id, parent.table.id
        )
    }))
}

/// Rows that refer to each other in a ring, of which none is the root.
async fn rings(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key FROM {} AS c WHERE c.{} IS NULL",
        first_key(subject),
        subject.rows(),
        Rows::ARCHIVAL
    );
    let row = work.row(&sql, []).await?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, refer to each other in a ring, so none of them is the root of their archival: change the \
             time of one of them",
            subject.table.id
        )
    }))
}

/// Rows with the key of an archived row: it was used again after a batch had moved that one.
async fn archived_keys(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    let Some(archive_table) = &subject.table.archive_table else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT pg_catalog.count(*) AS rows, {} AS key, pg_catalog.min(d.{}) AS archival FROM {} AS c JOIN {} AS d ON {}",
        first_key(subject),
        quote(&archive_table.archival_id),
        subject.rows(),
        archive_table.id.sql(),
        same_key(&subject.table.key, "d", "c"),
    );
    let row = work.row(&sql, []).await?;
    let archival: Option<i64> = row.try_get("", "archival")?;
    Ok(counted(&row)?.map(|(rows, key)| {
        format!(
            "{rows} rows of {}, such as {key}, have the key of a row that is archived already, such as in archival {}: purge these archivals, or clear the marks of these rows",
            subject.table.id,
            archival.unwrap_or_default()
        )
    }))
}

/// The first key of the rows `c` as text.
fn first_key(subject: &Subject) -> String {
    format!(
        "pg_catalog.min(({})::pg_catalog.text)",
        key_object(&subject.table.key, "c")
    )
}

/// The count and the example of a row, unless the count is zero.
fn counted(row: &QueryResult) -> Result<Option<(i64, String)>, DbErr> {
    let rows: i64 = row.try_get("", "rows")?;
    let key: Option<String> = row.try_get("", "key")?;
    Ok((rows > 0).then(|| (rows, key.unwrap_or_default())))
}

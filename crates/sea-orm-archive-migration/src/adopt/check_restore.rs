//! What prevents the `down` of an adoption.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::ident::key_object;
use sea_orm_migration::DbErr;

use crate::{
    adopt::{columns::Stored, subject::Subject},
    name::{literal, quote},
    work::Work,
};

/// What prevents the rows from going back.
pub(super) async fn problems(
    work: &Work,
    found: &[(Subject, Stored)],
) -> Result<Vec<String>, DbErr> {
    let subjects: Vec<_> = found.iter().map(|(subject, _)| subject).collect();
    let oids: Vec<i64> = subjects.iter().map(|s| s.table.id.oid).collect();
    let mut problems = Vec::new();
    for subject in &subjects {
        problems.extend(triggers(subject));
        problems.extend(audited(work, subject).await?);
        let archive_table = subject.archive_table()?;
        let of_here = format!(
            "EXISTS (SELECT FROM {} AS d WHERE d.{} = a.id)",
            archive_table.id.sql(),
            quote(&archive_table.archival_id)
        );
        let others = work
            .rows(
                &format!(
                    "SELECT DISTINCT t.id::pg_catalog.text AS other FROM archive.archival AS a CROSS JOIN LATERAL pg_catalog.unnest(a.tables) AS t(id)
                     WHERE a.restored_at IS NULL AND a.purged_at IS NULL AND {of_here} AND t.id::oid::bigint <> ALL ($1)
                     ORDER BY other"
                ),
                [oids.clone().into()],
            )
            .await?;
        for row in others {
            let other: String = row.try_get("", "other")?;
            problems.push(format!(
                "archivals with rows of {} also have rows of {other}: name it in the same call, or restore or purge these archivals first",
                subject.table.id
            ));
        }
        let sql = format!(
            "SELECT pg_catalog.count(*) AS links FROM archive.detached_link AS l JOIN archive.archival AS a ON a.id = l.archival_id WHERE {of_here}"
        );
        let links: i64 = work.row(&sql, []).await?.try_get("", "links")?;
        if links > 0 {
            problems.push(format!(
                "archivals of {} have cut {links} links, which a mark does not have: restore these archivals first",
                subject.table.id
            ));
        }
    }
    work.run_with(
        "SELECT archive.require_no_hold($1::bigint[]::oid[], 'nothing was put back')",
        [oids.into()],
    )
    .await?;
    problems.extend(
        found
            .iter()
            .flat_map(|(subject, stored)| unfit(stored, &subject.table)),
    );
    problems.extend(unattributed(work, &subjects).await?);
    Ok(problems)
}

fn triggers(subject: &Subject) -> Vec<String> {
    let table = &subject.table;
    let acting = table.row_triggers.iter().filter(|trigger| {
        trigger.on_insert && !trigger.ours && !trigger.suspended_while.contains(&table.id.oid)
    });
    acting
        .map(|trigger| {
            format!(
                "the trigger \"{0}\" of {1} fires on INSERT, and would act on rows that are put back: call \
                 `manager.suspend_trigger(SuspendedTrigger::new(\"{2}\", \"{0}\"))` first",
                trigger.name, table.id, table.id.table
            )
        })
        .collect()
}

/// The log cannot record a restore to other values.
async fn audited(work: &Work, subject: &Subject) -> Result<Option<String>, DbErr> {
    if !crate::audit::register::is_installed(work).await? {
        return Ok(None);
    }
    let rows = work
        .rows(
            "SELECT FROM archive.audited_table WHERE relation = $1::bigint::oid",
            [subject.table.id.oid.into()],
        )
        .await?;
    Ok((!rows.is_empty()).then(|| {
        format!(
            "{} is audited, and the log records no restore to marked rows: call `manager.unaudit_table(..)` first, and \
             `manager.audit_table(..)` afterwards",
            subject.table.id
        )
    }))
}

/// Marking columns that a later migration renamed, dropped or added.
fn unfit(stored: &Stored, table: &Table) -> Vec<String> {
    let marks = stored.marks().into_iter().filter_map(|name| {
        let returns = stored.columns.iter().any(|column| column.name == *name);
        let what = match (returns, table.column(name).is_some()) {
            (true, true) => "was added since the adoption, which dropped it: rename it",
            (false, false) => {
                "marks deleted rows, and was renamed or dropped since the adoption: give it back"
            }
            _ => return None,
        };
        Some(format!("\"{name}\" of {} {what} for this call", table.id))
    });
    marks.collect()
}

/// Reasons in the records of archivals that would be lost, since the primary key has other columns or another type than they have.
async fn unattributed(work: &Work, subjects: &[&Subject]) -> Result<Option<String>, DbErr> {
    let shape = |key: &str| {
        format!(
            "(SELECT jsonb_object_agg(e.key, jsonb_typeof(e.value)) FROM jsonb_each({key}) AS e)"
        )
    };
    let (mut keys, mut archivals) = (Vec::new(), Vec::new());
    for subject in subjects {
        let archive_table = subject.archive_table()?;
        let (from, key) = (archive_table.id.sql(), key_object(&subject.table.key, "d"));
        keys.push(format!(
            "SELECT {}::oid AS id, {} AS name, {} AS shape",
            subject.table.id.oid,
            literal(&subject.table.id.to_string()),
            match subject.declared.reason {
                Some(_) => shape(&format!("(SELECT {key} FROM {from} AS d LIMIT 1)")),
                None => "NULL::jsonb".to_owned(),
            }
        ));
        let id = quote(&archive_table.archival_id);
        archivals.push(format!("SELECT d.{id} FROM {from} AS d"));
    }
    let sql = format!(
        "WITH present AS MATERIALIZED ({})
         SELECT count(DISTINCT r.archival) AS archivals, min(coalesce(r.name, r.root_table)) AS name
         FROM (SELECT a.id AS archival, a.root_table, a.tables[1]::oid AS id, NULL::text AS name, a.root_key AS key
               FROM archive.archival AS a WHERE a.reason IS NOT NULL
               UNION ALL
               SELECT a.id, a.root_table, NULL, m.v->>0, m.v->1 FROM archive.archival AS a
               CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(a.metadata->'reasons') WHEN 'array' THEN a.metadata->'reasons' END) AS m(v)
              ) AS r
         WHERE r.archival IN ({}) AND NOT EXISTS (
             SELECT FROM present AS p WHERE (p.id = r.id OR p.name = r.name) AND (p.shape = {}) IS NOT FALSE)",
        keys.join(" UNION ALL "),
        archivals.join(" UNION ALL "),
        shape("r.key"),
    );
    let row = work.row(&sql, []).await?;
    let archivals: i64 = row.try_get("", "archivals")?;
    let name: Option<String> = row.try_get("", "name")?;
    Ok(name.map(|name| {
        format!(
            "{archivals} archivals have reasons of rows of {name} by their primary key, which a later migration renamed or changed: undo that \
             for this call"
        )
    }))
}

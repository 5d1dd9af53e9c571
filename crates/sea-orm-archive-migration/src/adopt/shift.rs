//! Moves the collected rows into their archive tables, and writes the archival records.

use sea_orm_archive_postgres::ident::{bare, columns, literal, same_key};
use sea_orm_migration::DbErr;

use crate::{
    adopt::{
        collect::Rows,
        digest::{image, of_images},
        group::ROOTS,
        subject::Subject,
    },
    name::quote,
    work::Work,
};

/// Moves the rows, and records their archivals. A row without a mark has the time of this call: no mark has it.
pub(crate) async fn rows(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    let now = work
        .row(
            "SELECT archive.exact_text(pg_catalog.clock_timestamp()) AS now",
            [],
        )
        .await?;
    let now: String = now.try_get("", "now")?;
    let now = format!("{}::pg_catalog.timestamptz", literal(&now));
    let moving: Result<Vec<_>, DbErr> = subjects
        .iter()
        .map(|s| Ok(format!("{},{},", s.table.id.oid, s.archive_table()?.id.oid)))
        .collect();
    // Triggers of the application and of the log distinguish the move from a deletion.
    work.run(&format!(
        "SELECT pg_catalog.set_config('archive.moving', pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':,{}'), true)",
        moving?.concat()
    ))
    .await?;
    let moved = work
        .row_on_callers_path(&statement(subjects, &now)?)
        .await?;
    work.run("SELECT pg_catalog.set_config('archive.moving', '', true)")
        .await?;
    for subject in subjects {
        let arrived: String = moved.try_get("", &format!("arrived_{}", subject.n))?;
        let as_moved = moved.try_get::<bool>("", &format!("moved_{}", subject.n))?;
        if !as_moved || present(work, subject).await? != arrived {
            return Err(DbErr::Migration(format!(
                "nothing was adopted: a trigger or a rule of {} or of its archive table skipped or changed rows that were to be moved",
                subject.table.id
            )));
        }
    }
    work.run(&records(subjects, &now)).await
}

/// The digest of the rows that are in the archive table now. AFTER triggers have fired since the move.
async fn present(work: &Work, subject: &Subject) -> Result<String, DbErr> {
    let archive_table = subject.archive_table()?;
    let sql = format!(
        "SELECT pg_catalog.encode({}, 'hex') AS digest FROM (SELECT {} AS image FROM {} AS t JOIN {ROOTS} AS r ON r.id = t.{}) AS d",
        of_images("d.image"),
        image("t", subject),
        archive_table.id.sql(),
        quote(&archive_table.archival_id),
    );
    work.row(&sql, []).await?.try_get("", "digest")
}

/// The statement that moves the rows of all tables. Foreign keys are checked at its end, so the order of the tables does not matter.
///
/// Race: DELETE .. RETURNING copies the rows that it deletes. The rows or their tables are locked, so it finds every collected row; the
/// counts and digests are compared with what arrived.
fn statement(subjects: &[Subject], now: &str) -> Result<String, DbErr> {
    let mut parts = Vec::new();
    let mut proofs = Vec::new();
    for subject in subjects {
        let (n, table) = (subject.n, &subject.table);
        let archive_table = subject.archive_table()?;
        parts.push(format!(
            "moved_{n} AS (DELETE FROM {} AS t USING {} AS c WHERE {} RETURNING {}, c.{} , c.{})",
            table.id.sql(),
            subject.rows(),
            same_key(&table.key, "c", "t"),
            columns("t", subject.column_names()),
            Rows::AT,
            Rows::ARCHIVAL,
        ));
        let by = match &subject.declared.deleted_by {
            Some(column) => format!("m.{}", quote(column)),
            None => "NULL".to_owned(),
        };
        parts.push(format!(
            "arrived_{n} AS (INSERT INTO {} AS t ({}, {}, {}, {}) SELECT {}, coalesce(m.{AT}, {now}), {by}, m.{} \
             FROM moved_{n} AS m ORDER BY coalesce(m.{AT}, {now}), m.{} RETURNING {} AS image)",
            archive_table.id.sql(),
            bare(subject.column_names()),
            quote(&archive_table.deleted_at),
            quote(&archive_table.deleted_by),
            quote(&archive_table.archival_id),
            columns("m", subject.column_names()),
            Rows::ARCHIVAL,
            Rows::ARCHIVAL,
            image("t", subject),
            AT = Rows::AT,
        ));
        proofs.push(format!(
            "(SELECT pg_catalog.count(*) FROM {rows}) OPERATOR(pg_catalog.=) (SELECT pg_catalog.count(*) FROM moved_{n}) AND \
             (SELECT {} FROM (SELECT {} AS image FROM moved_{n} AS m) AS d) OPERATOR(pg_catalog.=) (SELECT {images} FROM arrived_{n} AS d) AS moved_{n}, \
             (SELECT pg_catalog.encode({images}, 'hex') FROM arrived_{n} AS d) AS arrived_{n}",
            of_images("d.image"),
            image("m", subject),
            images = of_images("d.image"),
            rows = subject.rows(),
        ));
    }
    Ok(format!(
        "WITH {} SELECT {}",
        parts.join(", "),
        proofs.join(", ")
    ))
}

/// Writes the records: the time, the person and the reason of each are those of its root.
fn records(subjects: &[Subject], now: &str) -> String {
    let rows: Vec<_> = subjects
        .iter()
        .map(|s| {
            format!(
                "SELECT c.{} AS archival, {} AS place FROM {} AS c",
                Rows::ARCHIVAL,
                s.n,
                s.rows()
            )
        })
        .collect();
    let names: Vec<_> = subjects
        .iter()
        .map(|s| {
            format!(
                "({}, {}, {}::pg_catalog.oid)",
                s.n,
                literal(&s.table.id.to_string()),
                s.table.id.oid
            )
        })
        .collect();
    format!(
        "INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, metadata, row_counts, tables, tenant)
         SELECT r.id, r.table_name, r.key, r.at, r.by, r.reason,
                pg_catalog.jsonb_build_object('adopted', true, 'adopted_at', archive.exact_text({now}))
                    || coalesce(g.reasons, '{{}}'),
                n.row_counts, n.tables, r.tenant
         FROM {ROOTS} AS r
         JOIN (SELECT c.archival, pg_catalog.jsonb_object_agg(t.name, c.rows) AS row_counts,
                      pg_catalog.array_agg(t.id::pg_catalog.regclass ORDER BY t.place <> o.place, t.place) AS tables
               FROM (SELECT a.archival, a.place, pg_catalog.count(*) AS rows FROM ({}) AS a GROUP BY a.archival, a.place) AS c
               JOIN (VALUES {}) AS t (place, name, id) ON t.place = c.place
               JOIN {ROOTS} AS o ON o.id = c.archival
               GROUP BY c.archival) AS n ON n.archival = r.id
         LEFT JOIN ({}) AS g ON g.archival = r.id
         ORDER BY r.id",
        rows.join(" UNION ALL "),
        names.join(", "),
        reasons(subjects),
    )
}

/// Which rows below the root had a reason, for the `down`: all of them, or the keys of these.
fn reasons(subjects: &[Subject]) -> String {
    let members: Vec<_> = subjects
        .iter()
        .filter(|s| s.declared.reason.is_some())
        .map(|s| {
            format!(
                "SELECT c.{} AS archival, {} AS name, {} AS key, c.{} IS NOT NULL AS has FROM {} AS c WHERE c.{} IS NOT NULL AND c.{}",
                Rows::ARCHIVAL,
                literal(&s.table.id.to_string()),
                sea_orm_archive_postgres::ident::key_object(&s.table.key, "c"),
                Rows::REASON,
                s.rows(),
                Rows::PARENT,
                Rows::MARKED,
            )
        })
        .collect();
    if members.is_empty() {
        return "SELECT NULL::pg_catalog.int8 AS archival, NULL::pg_catalog.jsonb AS reasons WHERE false".to_owned();
    }
    format!(
        "SELECT m.archival, pg_catalog.jsonb_build_object('reasons', CASE WHEN pg_catalog.bool_and(m.has) THEN '\"all\"'::pg_catalog.jsonb
             ELSE pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(m.name, m.key)) FILTER (WHERE m.has) END) AS reasons
         FROM ({}) AS m GROUP BY m.archival HAVING pg_catalog.bool_or(m.has)",
        members.join(" UNION ALL ")
    )
}

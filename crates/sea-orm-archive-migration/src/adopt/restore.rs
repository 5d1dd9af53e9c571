//! The `down` of an adoption: archived rows become marked rows again.

use sea_orm_archive_postgres::catalog::ArchiveTable;
use sea_orm_archive_postgres::ident::{bare, columns, key_object};
use sea_orm_migration::{DbErr, sea_query::TableRef};

use crate::{
    ExistingTable, SoftDeleted,
    adopt::{
        columns::{self, Stored},
        digest::of_images,
        options::Flag,
        refuse,
        subject::{self, Subject},
        view,
    },
    archive_table::{register, remove},
    feature,
    name::{self, literal, quote},
    work::{self, Work},
};

/// A table whose archived rows go back.
struct Returning {
    subject: Subject,
    stored: Stored,
    /// The columns that both tables have, and that no mark is written to.
    plain: Vec<String>,
}

/// Puts the archived rows of these tables back, marked, and drops their archive tables. Returns how many rows there were.
pub(crate) async fn restore(work: &Work, tables: Vec<TableRef>) -> Result<u64, DbErr> {
    register::require(work).await?;
    let mut found = Vec::new();
    for table in tables {
        found.extend(find(work, &table).await?);
    }
    if found.is_empty() {
        return Ok(0);
    }
    for (subject, _) in &found {
        // Race: a row that is archived or restored meanwhile.
        let name = &subject.archive_table()?.id;
        work.run(&format!(
            "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            name.sql()
        ))
        .await?;
    }
    let subjects: Vec<_> = found.iter().map(|(subject, _)| subject.clone()).collect();
    let forced = work.unforce_all(subject::names(&subjects)).await?;
    let mut problems = problems(work, &subjects).await?;
    problems.extend(found.iter().flat_map(columns_again));
    refuse(&problems)?;
    let mut returning = Vec::new();
    for (subject, stored) in found {
        returning.push(prepare(work, subject, stored).await?);
    }
    let rows = put_back(work, &returning).await?;
    columns::settle(work, &subjects).await?;
    let archive_tables: Result<Vec<_>, DbErr> = subjects
        .iter()
        .map(|s| Ok(s.archive_table()?.id.sql()))
        .collect();
    let archive_tables = archive_tables?;
    work.force_all(
        forced
            .into_iter()
            .filter(|name| !archive_tables.contains(name))
            .collect(),
    )
    .await?;
    for table in &returning {
        finish(work, table).await?;
    }
    Ok(rows)
}

/// The table and how its rows were marked; `None` where it has no archive table now.
async fn find(work: &Work, table: &TableRef) -> Result<Option<(Subject, Stored)>, DbErr> {
    let table_name = name::table(table)?;
    let found = work.existing_table(&table_name).await?;
    if found.archive_table.is_none() {
        return Ok(None);
    }
    let rows = work
        .rows(
            "SELECT adopted::text AS adopted FROM archive.archived_table WHERE active = $1::bigint::oid AND adopted IS NOT NULL",
            [found.id.oid.into()],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Err(DbErr::Migration(format!(
            "{} was not adopted: how its rows were marked is not known; restore or delete its archived rows, and call \
             `manager.unarchive_existing_table(..)`",
            found.id
        )));
    };
    let stored: Stored = serde_json::from_str(&row.try_get::<String>("", "adopted")?)
        .map_err(|error| DbErr::Migration(error.to_string()))?;
    let subject = stored.subject(table.clone(), found);
    Ok(Some((subject, stored)))
}

impl Stored {
    /// The table as the adoption described it.
    fn subject(&self, name: TableRef, table: sea_orm_archive_postgres::catalog::Table) -> Subject {
        let flag = match (&self.boolean, &self.status) {
            (Some(column), _) => Some(Flag::Boolean(column.clone())),
            (None, Some((column, deleted))) => Some(Flag::Status {
                column: column.clone(),
                deleted: deleted.clone(),
                restored: String::new(),
            }),
            (None, None) => None,
        };
        let declared = SoftDeleted {
            deleted_at: self.deleted_at.clone(),
            deleted_by: self.deleted_by.clone(),
            reason: self.reason.clone(),
            flag,
            time_if_unknown: self.time_if_unknown.clone(),
            time_zone: self.time_zone.clone(),
            view: self.view.clone(),
            ..SoftDeleted::new(ExistingTable::new(name))
        };
        let times = match self.times.as_str() {
            "local" => subject::Times::Local,
            "dates" => subject::Times::Dates,
            _ => subject::Times::Absolute,
        };
        Subject {
            n: 0,
            declared,
            table,
            times,
            edges: Vec::new(),
        }
    }

    /// The columns that marks are written to.
    fn marks(&self) -> Vec<&String> {
        let columns = [
            &self.deleted_at,
            &self.deleted_by,
            &self.reason,
            &self.boolean,
        ];
        let status = self.status.iter().map(|(column, _)| column);
        columns.into_iter().flatten().chain(status).collect()
    }
}

/// What prevents the rows from going back.
async fn problems(work: &Work, subjects: &[Subject]) -> Result<Vec<String>, DbErr> {
    let oids: Vec<i64> = subjects.iter().map(|s| s.table.id.oid).collect();
    let mut problems = Vec::new();
    for subject in subjects {
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
    Ok(problems)
}

/// Columns that were dropped, and that the table has again.
fn columns_again((subject, stored): &(Subject, Stored)) -> Vec<String> {
    let again = stored.columns.iter().map(|(name, _)| name);
    let again = again.filter(|name| subject.table.column(name).is_some());
    again
        .map(|name| {
            format!(
                "{} has a column \"{name}\" again, which the adoption had dropped: rename or drop it first",
                subject.table.id
            )
        })
        .collect()
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

/// Adds the columns that were dropped, and the indexes that exclude marked rows in place of the plain ones.
async fn prepare(work: &Work, subject: Subject, stored: Stored) -> Result<Returning, DbErr> {
    let table = subject.table.id.sql();
    if let Some(name) = &stored.view {
        work.run(&format!(
            "DROP VIEW IF EXISTS {}",
            view::sql(&subject, name)
        ))
        .await?;
    }
    for (name, definition) in &stored.columns {
        // A row that is not deleted is `false`, also where the column has no default.
        let has_default = stored.boolean.as_ref() != Some(name) || definition.contains(" DEFAULT ");
        let default = if has_default { "" } else { " DEFAULT false" };
        work.run(&format!(
            "ALTER TABLE {table} ADD COLUMN {definition}{default}"
        ))
        .await?;
        if !has_default {
            let name = quote(name);
            work.run(&format!(
                "ALTER TABLE {table} ALTER COLUMN {name} DROP DEFAULT"
            ))
            .await?;
        }
    }
    for (index, definition) in &stored.indexes {
        let index = format!("{}.{}", quote(&subject.table.id.schema), quote(index));
        work.run(&format!("DROP INDEX IF EXISTS {index}")).await?;
        work.run(definition).await?;
    }
    let marks = stored.marks();
    let plain = subject
        .table
        .columns
        .iter()
        .filter(|c| !marks.contains(&&c.name));
    let plain = plain.map(|c| c.name.clone()).collect();
    Ok(Returning {
        subject,
        stored,
        plain,
    })
}

/// Moves all rows of the archive tables back, and closes their archivals.
///
/// Race: both tables are locked. The digests of the rows that leave and arrive are compared.
async fn put_back(work: &Work, tables: &[Returning]) -> Result<u64, DbErr> {
    let mut parts = vec![
        // The times of rows that were archived without a mark.
        "adoption AS MATERIALIZED (SELECT DISTINCT (a.metadata OPERATOR(pg_catalog.->>) 'adopted_at')::pg_catalog.timestamptz AS at FROM archive.archival AS a
         WHERE (a.metadata OPERATOR(pg_catalog.->>) 'adopted') OPERATOR(pg_catalog.=) 'true')"
            .to_owned(),
    ];
    let mut proofs = Vec::new();
    let mut moving = String::new();
    let mut archivals = Vec::new();
    for (n, table) in tables.iter().enumerate() {
        let archive_table = table.subject.archive_table()?;
        parts.extend(table.statement(n, archive_table));
        proofs.push(format!(
            "(SELECT {images} FROM left_{n} AS d) OPERATOR(pg_catalog.=) (SELECT {images} FROM arrived_{n} AS d) AS equal_{n}, \
             (SELECT pg_catalog.count(*) FROM arrived_{n}) AS rows_{n}",
            images = of_images("d.image"),
        ));
        moving.push_str(&format!(
            "{},{},",
            table.subject.table.id.oid, archive_table.id.oid
        ));
        archivals.push(format!(
            "SELECT d.{} AS id FROM {} AS d",
            quote(&archive_table.archival_id),
            archive_table.id.sql()
        ));
    }
    work.run(&format!(
        "DROP TABLE IF EXISTS pg_temp.archive_put_back;
         CREATE TEMPORARY TABLE archive_put_back ON COMMIT DROP AS {};
         SELECT pg_catalog.set_config('archive.moving', pg_catalog.concat(pg_catalog.pg_current_xact_id(), ':,{moving}'), true)",
        archivals.join(" UNION ")
    ))
    .await?;
    let sql = format!("WITH {} SELECT {}", parts.join(", "), proofs.join(", "));
    let done = work.row_on_callers_path(&sql).await.map_err(|error| {
        DbErr::Migration(format!(
            "nothing was put back: {}",
            work::database_message(&error)
        ))
    })?;
    work.run("SELECT pg_catalog.set_config('archive.moving', '', true)")
        .await?;
    let mut rows = 0;
    for (n, table) in tables.iter().enumerate() {
        if !done.try_get::<bool>("", &format!("equal_{n}"))? {
            return Err(DbErr::Migration(format!(
                "nothing was put back: a trigger or a rule of {} or of its archive table skipped or changed rows",
                table.subject.table.id
            )));
        }
        rows += done
            .try_get::<i64>("", &format!("rows_{n}"))?
            .unsigned_abs();
    }
    // What an adoption recorded is in the marks again. The record of another archival has more.
    work.run(
        "DELETE FROM archive.archival AS a USING pg_temp.archive_put_back AS p
         WHERE a.id = p.id AND a.restored_at IS NULL AND a.metadata->'adopted' = 'true';
         UPDATE archive.archival AS a SET restored_at = pg_catalog.clock_timestamp(), restored_by = archive.current_actor()
         FROM pg_temp.archive_put_back AS p WHERE a.id = p.id AND a.restored_at IS NULL;
         DROP TABLE pg_temp.archive_put_back",
    )
    .await?;
    Ok(rows)
}

impl Returning {
    /// The parts of the statement that move the rows of this table.
    fn statement(&self, n: usize, archive_table: &ArchiveTable) -> Vec<String> {
        let table = &self.subject.table;
        let generated = |name: &str| table.column(name).is_some_and(|c| c.generated);
        let written = || {
            self.plain
                .iter()
                .map(String::as_str)
                .filter(|name| !generated(name))
        };
        let (names, values): (Vec<_>, Vec<_>) = self.marked(archive_table).into_iter().unzip();
        let added = [
            &archive_table.deleted_at,
            &archive_table.deleted_by,
            &archive_table.archival_id,
        ];
        let all = table.columns.iter().map(|c| c.name.as_str());
        let image = |alias: &str| {
            format!(
                "pg_catalog.sha256(pg_catalog.convert_to(ROW({})::pg_catalog.text, pg_catalog.getdatabaseencoding()))",
                columns(alias, self.plain.iter().map(String::as_str))
            )
        };
        vec![
            format!(
                "left_{n} AS (DELETE FROM {} AS d RETURNING {}, {} AS image)",
                archive_table.id.sql(),
                columns("d", all.chain(added.iter().map(|name| name.as_str()))),
                image("d")
            ),
            format!(
                "arrived_{n} AS (INSERT INTO {} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM left_{n} AS d
                 LEFT JOIN archive.archival AS a ON a.id OPERATOR(pg_catalog.=) d.{} RETURNING {} AS image)",
                table.id.sql(),
                bare(written().chain(names.iter().map(String::as_str))),
                std::iter::once(columns("d", written())).chain(values).collect::<Vec<_>>().join(", "),
                quote(&archive_table.archival_id),
                image("t")
            ),
        ]
    }

    /// The marking columns with their values, from the archived row `d` and its archival `a`.
    fn marked(&self, archive_table: &ArchiveTable) -> Vec<(String, String)> {
        let stored = &self.stored;
        let at = format!("d.{}", quote(&archive_table.deleted_at));
        let marked = format!("{at} NOT IN (SELECT o.at FROM adoption AS o WHERE o.at IS NOT NULL)");
        let mut values = Vec::new();
        if let Some(name) = &stored.deleted_at {
            let known = match (
                &stored.time_if_unknown,
                stored.boolean.is_some() || stored.status.is_some(),
            ) {
                (Some(unknown), true) => {
                    format!(
                        " AND {at} OPERATOR(pg_catalog.<>) {}::pg_catalog.timestamptz",
                        literal(unknown)
                    )
                }
                _ => String::new(),
            };
            values.push((
                name.clone(),
                format!(
                    "CASE WHEN {marked}{known} THEN {} END",
                    self.subject.local(&at)
                ),
            ));
        }
        if let Some(name) = &stored.deleted_by {
            values.push((
                name.clone(),
                format!("d.{}", quote(&archive_table.deleted_by)),
            ));
        }
        if let Some(name) = &stored.reason {
            let key = key_object(&self.subject.table.key, "d");
            let table = literal(&self.subject.table.id.to_string());
            let had_it = format!(
                "a.tables[1]::pg_catalog.oid OPERATOR(pg_catalog.=) {}::pg_catalog.oid AND a.root_key OPERATOR(pg_catalog.=) {key} \
                 OR {marked} AND ((a.metadata OPERATOR(pg_catalog.->>) 'reasons') OPERATOR(pg_catalog.=) 'all' OR \
                 (a.metadata OPERATOR(pg_catalog.->) 'reasons') OPERATOR(pg_catalog.@>) \
                 pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array({table}::pg_catalog.text, {key})))",
                self.subject.table.id.oid
            );
            values.push((
                name.clone(),
                format!("CASE WHEN {had_it} THEN a.reason END"),
            ));
        }
        if let Some(name) = &stored.boolean {
            values.push((name.clone(), marked.clone()));
        }
        if let Some((name, deleted)) = &stored.status {
            let column = quote(name);
            values.push((
                name.clone(),
                format!(
                    "CASE WHEN {marked} THEN {} ELSE d.{column} END",
                    literal(deleted)
                ),
            ));
        }
        values
    }
}

/// Creates the other objects that were dropped, and drops the archive table.
async fn finish(work: &Work, table: &Returning) -> Result<(), DbErr> {
    for definition in &table.stored.others {
        work.run(definition).await?;
    }
    remove::archive_table(work, &table.subject.table.id.sql()).await?;
    feature::changed(work, &table.subject.table.id).await
}

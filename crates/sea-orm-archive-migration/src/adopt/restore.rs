//! The `down` of an adoption: archived rows become marked rows again.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_archive_postgres::ident::{bare, columns, key_object};
use sea_orm_migration::{DbErr, sea_orm::QueryResult, sea_query::TableRef};

use crate::{
    ExistingTable, SoftDeleted,
    adopt::{
        check_restore,
        columns::{self, Stored},
        create,
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
        create::refuse_left_behind(work, &subject.table).await?;
    }
    let subjects: Vec<_> = found.iter().map(|(subject, _)| subject.clone()).collect();
    let forced = work.unforce_all(subject::names(&subjects)).await?;
    refuse("put back", &check_restore::problems(work, &found).await?)?;
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
    if stored.table != found.id.to_string() {
        return Err(DbErr::Migration(format!(
            "nothing was put back: {} was called {} when it was adopted, and so do its archivals, and the indexes and constraints that come \
             back, name it: give it that name for this call",
            found.id, stored.table
        )));
    }
    let subject = stored.subject(table.clone(), found);
    Ok(Some((subject, stored)))
}

impl Stored {
    /// The table as the adoption described it.
    fn subject(&self, name: TableRef, table: Table) -> Subject {
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
    pub(super) fn marks(&self) -> Vec<&String> {
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
    for column in &stored.columns {
        // A default may be a function of another role, and rows that are not deleted had no value.
        let (name, definition) = (quote(&column.name), &column.definition);
        let is_flag = stored.boolean.as_ref() == Some(&column.name);
        let value = if is_flag { " DEFAULT false" } else { "" };
        let default = match &column.default {
            Some(default) => format!("SET DEFAULT {default}"),
            None => "DROP DEFAULT".to_owned(),
        };
        work.run(&format!(
            "ALTER TABLE {table} ADD COLUMN {definition}{value};
             ALTER TABLE {table} ALTER COLUMN {name} {default}"
        ))
        .await?;
    }
    for (index, definition) in &stored.indexes {
        work.run_each(
            "SELECT pg_catalog.format('DROP INDEX %I.%I', n.nspname, c.relname) AS statement
             FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE i.indrelid = $1::bigint::oid AND c.relname = $2",
            [subject.table.id.oid.into(), index.clone().into()],
        )
        .await?;
        create_again(work, &subject.table, definition).await?;
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

/// Creates an object that the adoption dropped.
async fn create_again(work: &Work, table: &Table, definition: &str) -> Result<(), DbErr> {
    work.run(definition).await.map_err(|error| {
        DbErr::Migration(format!(
            "nothing was put back: {definition}: {}; undo what was changed of {} since its adoption",
            work::database_message(&error),
            table.id
        ))
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
    let rows = arrived(&done, tables)?;
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

/// How many rows arrived, unchanged.
fn arrived(done: &QueryResult, tables: &[Returning]) -> Result<u64, DbErr> {
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
        let marked = format!(
            "NOT ({at} OPERATOR(pg_catalog.=) ANY (SELECT o.at FROM adoption AS o WHERE o.at IS NOT NULL))"
        );
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
            let had_it = self.had_reason(&marked);
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

    /// The condition that the row `d` had the reason of its archival `a`.
    fn had_reason(&self, marked: &str) -> String {
        let key = key_object(&self.subject.table.key, "d");
        let table = literal(&self.subject.table.id.to_string());
        format!(
            "a.tables[1]::pg_catalog.oid OPERATOR(pg_catalog.=) {}::pg_catalog.oid AND a.root_key OPERATOR(pg_catalog.=) {key} \
             OR {marked} AND ((a.metadata OPERATOR(pg_catalog.->>) 'reasons') OPERATOR(pg_catalog.=) 'all' OR \
             (a.metadata OPERATOR(pg_catalog.->) 'reasons') OPERATOR(pg_catalog.@>) \
             pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_array({table}::pg_catalog.text, {key})))",
            self.subject.table.id.oid
        )
    }
}

/// Creates the other objects that were dropped, and drops the archive table.
async fn finish(work: &Work, table: &Returning) -> Result<(), DbErr> {
    for definition in &table.stored.others {
        create_again(work, &table.subject.table, definition).await?;
    }
    remove::archive_table(work, &table.subject.table.id.sql()).await?;
    feature::changed(work, &table.subject.table.id).await
}

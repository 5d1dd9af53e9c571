//! The tables of an adoption, as the catalog and the migration describe them.

use sea_orm_archive_postgres::catalog::{ArchiveTable, Column, ForeignKey, Table};
use sea_orm_migration::DbErr;

use crate::{
    adopt::options::{Flag, SoftDeleted},
    name::{self, literal, quote},
    work::Work,
};

/// One table that is adopted.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its position in the call.
    pub(crate) n: usize,
    pub(crate) declared: SoftDeleted,
    pub(crate) table: Table,
    /// How the times of `deleted_at` are read.
    pub(crate) times: Times,
    /// The foreign keys to tables of the same adoption, in the order of their names.
    pub(crate) edges: Vec<Edge>,
}

/// A foreign key between two tables of one adoption.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) child: usize,
    pub(crate) parent: usize,
    /// Its position among the edges of the child.
    pub(crate) place: usize,
    pub(crate) key: ForeignKey,
}

/// The type of a column with times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Times {
    /// There is no such column.
    None,
    Absolute,
    Local,
    Dates,
}

/// Finds the tables. With `lock` no other transaction writes to them until the end.
pub(crate) async fn resolve(
    work: &Work,
    declared: &[SoftDeleted],
    lock: bool,
) -> Result<Vec<Subject>, DbErr> {
    crate::archive_table::register::require(work).await?;
    if lock {
        lock_tables(work, declared).await?;
    }
    let mut tables = Vec::new();
    for soft in declared {
        let name = name::table(&soft.table.table)?;
        let table = match lock {
            true => work.existing_table(&name).await?,
            false => work
                .table(&name)
                .await?
                .ok_or_else(|| DbErr::Migration(format!("there is no table {name}")))?,
        };
        if tables
            .iter()
            .any(|(_, other): &(SoftDeleted, Table)| other.id.oid == table.id.oid)
        {
            return Err(DbErr::Migration(format!(
                "{} is in the adoption twice",
                table.id
            )));
        }
        if !is_adopted(work, soft, &table).await? {
            tables.push((soft.clone(), table));
        }
    }
    build(tables)
}

/// Locks the tables.
///
/// Race: another adopter names them in another order. Both lock them in the order of their oids, so the second one waits for the first, and finds
/// that they are adopted.
async fn lock_tables(work: &Work, declared: &[SoftDeleted]) -> Result<(), DbErr> {
    let mut names = Vec::new();
    for soft in declared {
        let name = name::table(&soft.table.table)?;
        let table = work.table(&name).await?;
        names.push((table.map(|table| table.id.oid), name));
    }
    names.sort();
    for (_, name) in names {
        work.existing_table(&name).await?;
    }
    Ok(())
}

/// Whether the table was adopted before: what marked its rows no longer exists.
async fn is_adopted(work: &Work, soft: &SoftDeleted, table: &Table) -> Result<bool, DbErr> {
    let marks = soft.deleted_at.iter().map(String::as_str);
    let mut marks = marks.chain(soft.flag.iter().map(Flag::column));
    if soft.unmarked || marks.any(|column| table.column(column).is_some()) {
        return Ok(false);
    }
    let rows = work
        .rows(
            "SELECT FROM archive.archived_table WHERE active = $1::bigint::oid AND adopted IS NOT NULL",
            [table.id.oid.into()],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// The same tables as the catalog describes them now, without those that another session has adopted since.
pub(crate) async fn reread(work: &Work, subjects: Vec<Subject>) -> Result<Vec<Subject>, DbErr> {
    let mut tables = Vec::new();
    for subject in subjects {
        let name = subject.table.id.sql();
        let found = work.table(&name).await?;
        let table = found.ok_or_else(|| DbErr::Migration(format!("there is no table {name}")))?;
        if !is_adopted(work, &subject.declared, &table).await? {
            tables.push((subject.declared, table));
        }
    }
    build(tables)
}

/// Locks the tables against changes of their columns, and reads them again.
///
/// Race: another adopter drops the marking columns between the reading of the catalog and the first use of them. This waits for it.
pub(crate) async fn locked(
    work: &Work,
    subjects: Vec<Subject>,
    mode: &str,
) -> Result<Vec<Subject>, DbErr> {
    let mut oids: Vec<_> = subjects
        .iter()
        .map(|subject| (subject.table.id.oid, subject.table.id.sql()))
        .collect();
    oids.sort();
    for (_, name) in oids {
        work.run(&format!("LOCK TABLE {name} IN {mode} MODE"))
            .await?;
    }
    reread(work, subjects).await
}

pub(crate) fn build(tables: Vec<(SoftDeleted, Table)>) -> Result<Vec<Subject>, DbErr> {
    let oids: Vec<_> = tables.iter().map(|(_, table)| table.id.oid).collect();
    let mut subjects = Vec::new();
    for (n, (declared, table)) in tables.into_iter().enumerate() {
        let times = times(&declared, &table)?;
        let edges = table.outgoing.iter().filter_map(|key| {
            let parent = oids.iter().position(|oid| *oid == key.parent.oid)?;
            Some((parent, key.clone()))
        });
        let edges = edges
            .enumerate()
            .map(|(place, (parent, key))| Edge {
                child: n,
                parent,
                place,
                key,
            })
            .collect();
        subjects.push(Subject {
            n,
            declared,
            table,
            times,
            edges,
        });
    }
    Ok(subjects)
}

/// Checks the columns that the migration names.
fn check_columns(declared: &SoftDeleted, table: &Table) -> Result<(), DbErr> {
    let refuse = |reason: String| Err(DbErr::Migration(format!("{}: {reason}", table.id)));
    if table.key.is_empty() {
        return refuse(
            "it has no primary key, so archived rows could not be identified: add one first"
                .to_owned(),
        );
    }
    let marks = declared.deleted_at.is_some() || declared.flag.is_some();
    if declared.unmarked == marks {
        return refuse(
            "an adopted table needs `.deleted_at(..)`, `.when(..)` or `.status(..)`; a table without marks is declared with \
             `SoftDeleted::unmarked(..)`"
                .to_owned(),
        );
    }
    let named = [
        &declared.deleted_at,
        &declared.deleted_by,
        &declared.reason,
        &declared.time_of,
    ];
    let named = named.into_iter().flatten().map(String::as_str);
    let flag = declared.flag.iter().map(Flag::column);
    let named: Vec<_> = flag.chain(named).collect();
    for (place, column) in named.iter().copied().enumerate() {
        // A mark may also be the column with the time.
        let is_time = place + 1 == named.len() && declared.time_of.is_some();
        if named[..place].contains(&column) && !is_time {
            return refuse(format!(
                "\"{column}\" is declared twice: each column has one meaning"
            ));
        }
        let Some(found) = table.column(column) else {
            return refuse(format!("there is no column \"{column}\""));
        };
        if table.key.iter().any(|key| key.name == column) || found.generated {
            return refuse(format!(
                "\"{column}\" is generated or part of the primary key, and no mark"
            ));
        }
    }
    if let Some(Flag::Boolean(column)) = &declared.flag
        && table
            .column(column)
            .is_some_and(|c| c.sql_type != "boolean")
    {
        return refuse(format!(
            "\"{column}\" is no boolean: declare its values with `.status(\"{column}\", .., ..)`"
        ));
    }
    Ok(())
}

/// How the times of `deleted_at` are read.
fn times(declared: &SoftDeleted, table: &Table) -> Result<Times, DbErr> {
    check_columns(declared, table)?;
    let refuse = |reason: String| Err(DbErr::Migration(format!("{}: {reason}", table.id)));
    let mut found = Times::None;
    for name in declared.deleted_at.iter().chain(&declared.time_of) {
        let Some(column) = table.column(name) else {
            continue;
        };
        let times = times_of(column);
        let Some(times) = times else {
            return refuse(format!(
                "\"{name}\" is {}, and a time is needed: convert it with ALTER COLUMN \"{name}\" TYPE timestamptz USING .. first",
                column.sql_type
            ));
        };
        if times != Times::Absolute && declared.time_zone.is_none() {
            return refuse(format!(
                "\"{name}\" is {}, which names no instant: pass the zone that the application writes, such as `.time_zone(\"UTC\")`",
                column.sql_type
            ));
        }
        if Some(name) == declared.deleted_at.as_ref() {
            found = times;
        }
    }
    Ok(found)
}

fn times_of(column: &Column) -> Option<Times> {
    // Without the precision: `timestamp(3) with time zone`.
    let name = match column.sql_type.split_once('(') {
        Some((before, rest)) => {
            format!(
                "{before}{}",
                rest.split_once(')').map_or("", |(_, after)| after)
            )
        }
        None => column.sql_type.clone(),
    };
    match name.as_str() {
        "timestamp with time zone" => Some(Times::Absolute),
        "timestamp without time zone" => Some(Times::Local),
        "date" => Some(Times::Dates),
        _ => None,
    }
}

/// The names of the tables and of their archive tables, as SQL.
pub(crate) fn names(subjects: &[Subject]) -> Vec<String> {
    let tables = subjects.iter().map(|s| s.table.id.sql());
    let archive_tables = subjects
        .iter()
        .filter_map(|s| s.table.archive_table.as_ref());
    let shared = ["archive.archival".to_owned()];
    tables
        .chain(archive_tables.map(|a| a.id.sql()))
        .chain(shared)
        .collect()
}

impl Subject {
    /// The table that collects its rows.
    pub(crate) fn rows(&self) -> String {
        format!("pg_temp.archive_adopted_{}", self.n)
    }

    /// The archive table, which exists once [`create::archive_tables`](super::create::archive_tables) has run.
    pub(crate) fn archive_table(&self) -> Result<&ArchiveTable, DbErr> {
        self.table
            .archive_table
            .as_ref()
            .ok_or_else(|| DbErr::Migration(format!("{} has no archive table", self.table.id)))
    }

    /// The names of all its columns.
    pub(crate) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.table.columns.iter().map(|c| c.name.as_str())
    }

    /// The marking columns that are dropped unless they are to stay.
    pub(crate) fn marking_columns(&self) -> Vec<&str> {
        let declared = &self.declared;
        let columns = [&declared.deleted_at, &declared.deleted_by, &declared.reason];
        let columns = columns.into_iter().flatten().map(String::as_str);
        let flag = declared.flag.iter().filter_map(|flag| match flag {
            Flag::Boolean(column) => Some(column.as_str()),
            Flag::Status { .. } => None,
        });
        columns.chain(flag).collect()
    }

    /// The marking columns that the adoption drops.
    pub(crate) fn dropped_columns(&self) -> Vec<String> {
        match self.declared.keeps_columns {
            true => Vec::new(),
            false => self
                .marking_columns()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }

    /// The condition that the row `alias` is marked.
    pub(crate) fn is_marked(&self, alias: &str) -> String {
        let column = |name: &str| format!("{alias}.{}", quote(name));
        match (&self.declared.flag, &self.declared.deleted_at) {
            (Some(Flag::Boolean(name)), _) => format!("({} IS TRUE)", column(name)),
            (
                Some(Flag::Status {
                    column: name,
                    deleted,
                    ..
                }),
                _,
            ) => {
                format!("(({} = {}) IS TRUE)", column(name), literal(deleted))
            }
            (None, Some(name)) => format!("({} IS NOT NULL)", column(name)),
            (None, None) => "false".to_owned(),
        }
    }

    /// The condition that a flag and `deleted_at` of the row `alias` contradict each other: not deleted, at a time.
    pub(crate) fn is_contradictory(&self, alias: &str) -> Option<String> {
        let (Some(_), Some(time)) = (&self.declared.flag, &self.declared.deleted_at) else {
            return None;
        };
        Some(format!(
            "NOT {} AND {alias}.{} IS NOT NULL",
            self.is_marked(alias),
            quote(time)
        ))
    }

    /// The time of the deletion of the row `alias`, NULL where it is unknown.
    pub(crate) fn time(&self, alias: &str) -> String {
        let columns = self
            .declared
            .deleted_at
            .iter()
            .chain(&self.declared.time_of);
        let mut times: Vec<_> = columns.map(|name| self.absolute(alias, name)).collect();
        if let Some(unknown) = &self.declared.time_if_unknown {
            times.push(format!("{}::pg_catalog.timestamptz", literal(unknown)));
        }
        match times.len() {
            0 => "NULL::pg_catalog.timestamptz".to_owned(),
            _ => format!("coalesce({})", times.join(", ")),
        }
    }

    /// A column with times as an instant.
    fn absolute(&self, alias: &str, name: &str) -> String {
        let value = format!("{alias}.{}", quote(name));
        match self.table.column(name).and_then(times_of) {
            Some(Times::Local | Times::Dates) => format!(
                "pg_catalog.timezone({}, {value}::pg_catalog.timestamp)",
                self.zone()
            ),
            _ => format!("{value}::pg_catalog.timestamptz"),
        }
    }

    /// The zone of local times as SQL.
    pub(crate) fn zone(&self) -> String {
        literal(self.declared.time_zone.as_deref().unwrap_or("UTC"))
    }

    /// The instant `value` in the type of `deleted_at`: the reverse of [`time`](Self::time).
    pub(crate) fn local(&self, value: &str) -> String {
        match self.times {
            Times::Local => format!("pg_catalog.timezone({}, {value})", self.zone()),
            Times::Dates => format!(
                "pg_catalog.timezone({}, {value})::pg_catalog.date",
                self.zone()
            ),
            _ => value.to_owned(),
        }
    }

    /// A column of the row `alias` as text; NULL where the migration names none.
    pub(crate) fn text(&self, alias: &str, column: Option<&String>) -> String {
        match column {
            None => "NULL::pg_catalog.text".to_owned(),
            Some(name) => {
                let value = format!("{alias}.{}", quote(name));
                format!(
                    "(CASE WHEN {value} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {value}) END)"
                )
            }
        }
    }

    /// The tenant of the row `alias`.
    pub(crate) fn tenant(&self, alias: &str) -> String {
        match &self.table.id.tenant {
            Some(column) => self.table.id.tenant_text(alias, column),
            None => "NULL::pg_catalog.text".to_owned(),
        }
    }
}

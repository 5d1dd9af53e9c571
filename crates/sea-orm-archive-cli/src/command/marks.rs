//! What the options of `adopt` name in each table.

use sea_orm_archive_migration::{ExistingTable, LiveChildren, SoftDeleted};
use sea_orm_migration::sea_query::ColumnType;
use serde_json::Value as Json;

use super::Session;
use crate::answer::raw;
use crate::args::Adopt;
use crate::failure::Failure;
use crate::query;

/// A table that an option may name a column of.
struct Found {
    /// As the caller names it.
    name: String,
    /// The columns, with their types.
    columns: Vec<(String, String)>,
    /// The columns that an adoption before dropped.
    dropped: Vec<String>,
}

impl Found {
    fn has(&self, column: &str) -> bool {
        self.of_type(column).is_some()
    }

    fn of_type(&self, column: &str) -> Option<&str> {
        let mut columns = self.columns.iter();
        let found = columns.find(|(name, _)| name == column);
        found.map(|(_, of_type)| of_type.as_str())
    }
}

/// The columns that the options name. An option applies to each table that has its column.
struct Marks<'o> {
    deleted_at: &'o str,
    deleted_by: &'o str,
    reason: Option<&'o str>,
    when: Option<&'o str>,
    /// The column, the value of deleted rows and that of restored ones.
    status: Option<(&'o str, &'o str, &'o str)>,
    time_of: Option<&'o str>,
}

/// The tables, each with those of the named columns that it has.
pub(super) async fn declared(
    session: &Session,
    options: &Adopt,
) -> Result<Vec<SoftDeleted>, Failure> {
    let mut tables = Vec::new();
    for name in &options.tables {
        tables.push(found(session, name).await?);
    }
    let marks = Marks::of(options)?;
    marks.check(options, &tables)?;
    Ok(tables
        .iter()
        .map(|table| marks.declare(options, table))
        .collect())
}

impl<'o> Marks<'o> {
    fn of(options: &'o Adopt) -> Result<Self, Failure> {
        let status = match options.status.as_deref() {
            None => None,
            Some(text) => {
                let parts = text.split_once('=').and_then(|(column, values)| {
                    let (deleted, restored) = values.split_once(',')?;
                    Some((column, deleted, restored))
                });
                let wrong = || {
                    Failure::Usage(format!(
                        "--status {text}: it has the form COLUMN=DELETED,RESTORED, such as state=trash,draft"
                    ))
                };
                Some(parts.ok_or_else(wrong)?)
            }
        };
        Ok(Self {
            deleted_at: options.deleted_at.as_deref().unwrap_or("deleted_at"),
            deleted_by: options.deleted_by.as_deref().unwrap_or("deleted_by"),
            reason: options.reason.as_deref(),
            when: options.when.as_deref(),
            status,
            time_of: options.time_of.as_deref(),
        })
    }

    /// Refuses a column that none of the tables has: without it, marked rows would count as active ones.
    fn check(&self, options: &Adopt, tables: &[Found]) -> Result<(), Failure> {
        let named = [
            ("--deleted-at", options.deleted_at.as_deref()),
            ("--deleted-by", options.deleted_by.as_deref()),
            ("--reason", self.reason),
            ("--when", self.when),
            ("--status", self.status.map(|(column, ..)| column)),
            ("--time-of", self.time_of),
        ];
        let named = named
            .into_iter()
            .filter_map(|(option, column)| Some((option, column?)));
        let is_known = |column: &str| {
            let mut tables = tables.iter();
            tables.any(|t| t.has(column) || t.dropped.iter().any(|name| name == column))
        };
        for (option, column) in named {
            if !is_known(column) {
                return Err(Failure::Usage(format!(
                    "{option} {column}: {}",
                    unknown(column, tables)
                )));
            }
        }
        let flags = [self.when, self.status.map(|(column, ..)| column)];
        let mut marks = flags.into_iter().flatten().chain([self.deleted_at]);
        match marks.any(is_known) {
            true => Ok(()),
            false => Err(Failure::Usage(format!(
                "no column marks deleted rows: {}; name it with --deleted-at, --when or --status",
                unknown(self.deleted_at, tables)
            ))),
        }
    }

    fn declare(&self, options: &Adopt, table: &Found) -> SoftDeleted {
        let has = |column: &&str| table.has(column);
        let existing = existing(&table.name, table.of_type(self.deleted_by));
        let when = self.when.filter(has);
        let status = self.status.filter(|(column, ..)| table.has(column));
        let deleted_at = Some(self.deleted_at).filter(has);
        if when.is_none() && status.is_none() && deleted_at.is_none() {
            return SoftDeleted::unmarked(existing);
        }
        let mut declared = SoftDeleted::new(existing);
        if let Some(column) = when {
            declared = declared.when(column);
        }
        if let Some((column, deleted, restored)) = status {
            declared = declared.status(column, deleted, restored);
        }
        if let Some(column) = deleted_at {
            declared = declared.deleted_at(column);
        }
        if let Some(column) = Some(self.deleted_by).filter(has) {
            declared = declared.deleted_by(column);
        }
        if let Some(column) = self.reason.filter(has) {
            declared = declared.reason(column);
        }
        if let Some(column) = self.time_of.filter(has) {
            declared = declared.time_of(column);
        }
        if let Some(zone) = &options.time_zone {
            declared = declared.time_zone(zone.clone());
        }
        if let Some(time) = &options.time_if_unknown {
            declared = declared.time_if_unknown(time.clone());
        }
        if options.keep_columns {
            declared = declared.keep_columns();
        }
        match options.archive_live_children {
            true => declared.live_children(LiveChildren::Archive),
            false => declared,
        }
    }
}

/// That no table has the column, and which names of columns are near.
fn unknown(column: &str, tables: &[Found]) -> String {
    let mut near: Vec<(f64, String)> = Vec::new();
    for table in tables {
        let likeness =
            |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &column.to_lowercase());
        let names = table.columns.iter().map(|(name, _)| (likeness(name), name));
        let names = names.filter(|(likeness, _)| *likeness > 0.8);
        near.extend(
            names.map(|(likeness, name)| (likeness, format!("\"{name}\" of {}", table.name))),
        );
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<_> = near.into_iter().take(3).map(|(_, name)| name).collect();
    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let lacks = format!("none of {} has a column \"{column}\"", names.join(", "));
    match near.is_empty() {
        true => lacks,
        false => format!("{lacks}; near names: {}", near.join(", ")),
    }
}

/// A table with the type of its column for the person, which its archive table gets too.
fn existing(name: &str, deleted_by: Option<&str>) -> ExistingTable {
    let table = match name.split_once('.') {
        Some((schema, table)) => ExistingTable::new((schema.to_owned(), table.to_owned())),
        None => ExistingTable::new(name.to_owned()),
    };
    match deleted_by {
        Some("uuid") => table.deleted_by(ColumnType::Uuid),
        Some("text" | "character varying") => table.deleted_by(ColumnType::Text),
        _ => table,
    }
}

const COLUMNS: &str = "
    SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, NULL) AS type FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

/// The columns that an adoption dropped are stored with their definitions.
const DROPPED: &str = "
    SELECT c.dropped->>'name' AS name FROM archive.archived_table AS r CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(r.adopted->'columns') AS c(dropped)
    WHERE r.active = pg_catalog.to_regclass($1) AND r.adopted IS NOT NULL";

async fn found(session: &Session, name: &str) -> Result<Found, Failure> {
    let quoted = query::table(&session.db, name).await?;
    let columns = query::rows(&session.db, COLUMNS, vec![quoted.clone().into()]).await?;
    let dropped = match query::has(&session.db, "archived_table").await? {
        true => query::rows(&session.db, DROPPED, vec![quoted.into()]).await?,
        false => Vec::new(),
    };
    let text = |column: &Json, field: &str| raw(&column[field]);
    Ok(Found {
        name: name.to_owned(),
        columns: columns
            .iter()
            .map(|column| (text(column, "name"), text(column, "type")))
            .collect(),
        dropped: dropped.iter().map(|column| text(column, "name")).collect(),
    })
}

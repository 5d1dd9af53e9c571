//! What an undo would do, and what is in its way.

use sea_orm::DatabaseConnection;
use serde_json::{Map, Value as Json, json};

use super::net::{Entry, Kind, NetChange};
use super::order::order;
use crate::answer::{key, plain};
use crate::failure::Failure;
use crate::query::{self, quote, rows};

/// One step of an undo.
#[derive(Debug)]
pub(crate) struct Step {
    pub action: Action,
    /// Why it cannot be done.
    pub conflict: Option<String>,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Action {
    /// Restores an archival that the request archived.
    Restore(i64),
    /// Deletes a row that it inserted.
    Delete(Row),
    /// Inserts a row that it deleted.
    Insert(Row, Map<String, Json>),
    /// Sets columns that it updated to their values of before, if they have those that it wrote.
    Update(Row, Map<String, Json>, Map<String, Json>),
    /// Nothing can be done.
    Refused(String),
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// `schema.table`.
    pub name: String,
    /// As SQL.
    pub table: String,
    pub key: Json,
    /// The condition that the row `t` has the key `k`.
    pub is_row: String,
    /// The columns that can be written.
    pub columns: Vec<String>,
}

impl Step {
    /// A line for a person.
    pub fn line(&self) -> String {
        let text = match &self.action {
            Action::Restore(archival) => format!("restore archival {archival}"),
            Action::Delete(row) => format!("delete {} {}", row.name, key(&row.key)),
            Action::Insert(row, _) => format!("insert {} {}", row.name, key(&row.key)),
            Action::Update(row, before, after) => {
                let columns = before.iter().map(|(name, value)| {
                    let now = after.get(name).map_or_else(String::new, plain);
                    format!("\n    {name}: {now} -> {}", plain(value))
                });
                format!(
                    "update {} {}{}",
                    row.name,
                    key(&row.key),
                    columns.collect::<String>()
                )
            }
            Action::Refused(what) => what.clone(),
        };
        match &self.conflict {
            Some(conflict) => format!("{text}\n    conflict: {conflict}"),
            None => text,
        }
    }
}

pub(crate) fn steps_json(steps: &[Step]) -> Json {
    let steps = steps
        .iter()
        .map(|step| json!({"step": step.line(), "conflict": step.conflict}));
    Json::Array(steps.collect())
}

const ENTRIES: &str = "
    SELECT e.operation, e.table_name, e.key, e.old, e.new, e.redacted, e.erased, e.archival_id FROM archive.audit_entry AS e
    WHERE (e.request_id = $1 OR e.transaction_id = $2) ORDER BY e.at, e.id";

/// The steps that undo a request or a transaction: the latest change first, so that children are deleted before and inserted after their parents.
pub(crate) async fn plan(
    db: &DatabaseConnection,
    request: Option<&str>,
    transaction: Option<i64>,
) -> Result<Vec<Step>, Failure> {
    let entries = rows(
        db,
        ENTRIES,
        vec![request.map(str::to_owned).into(), transaction.into()],
    )
    .await?;
    let entries: Vec<Entry> = entries.iter().map(Entry::of).collect();
    let mut archivals: Vec<i64> = Vec::new();
    let mut changes: Vec<(usize, NetChange)> = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        match (entry.operation.as_str(), entry.archival) {
            ("ARCHIVE", Some(archival)) => {
                if !archivals.contains(&archival) {
                    archivals.push(archival);
                }
                continue;
            }
            // A change of an archived row, such as a link that was cut: the restore of the archival puts it back.
            ("UPDATE", Some(archival)) if archivals.contains(&archival) => continue,
            _ => {}
        }
        match changes
            .iter_mut()
            .find(|(_, change)| change.table == entry.table && change.key == entry.key)
        {
            Some((last, change)) => {
                change.add(entry);
                *last = place;
            }
            None => changes.push((place, NetChange::of(entry))),
        }
    }
    changes.sort_by_key(|(last, _)| std::cmp::Reverse(*last));
    let mut steps = Vec::new();
    for archival in archivals.into_iter().rev() {
        steps.push(restore(db, archival).await?);
    }
    for (_, change) in &changes {
        steps.extend(step(db, change).await?);
    }
    order(db, steps).await
}

async fn restore(db: &DatabaseConnection, archival: i64) -> Result<Step, Failure> {
    let preview = sea_orm_archive::archival::Entity::restore_by_id(archival)
        .preview(db)
        .await;
    let conflict = match preview {
        Ok(preview) => preview.conflicts.first().map(ToString::to_string),
        Err(error) => Some(error.to_string()),
    };
    Ok(Step {
        action: Action::Restore(archival),
        conflict,
    })
}

async fn step(db: &DatabaseConnection, change: &NetChange) -> Result<Option<Step>, Failure> {
    let refused = |what: String, why: String| {
        Ok(Some(Step {
            action: Action::Refused(what),
            conflict: Some(why),
        }))
    };
    let name = format!("{} {}", change.table, key(&change.key));
    if let Some(archival) = change.restored_from {
        return refused(
            format!("archive {name} again"),
            format!(
                "archival {archival} was restored, and the command archives no rows: call `archive()` in the application"
            ),
        );
    }
    let Some(row) = row(db, change).await? else {
        return refused(
            format!("change {name}"),
            "the table is not audited now".to_owned(),
        );
    };
    if change.key.is_null() {
        return refused(
            format!("undo TRUNCATE of {}", change.table),
            "the log has no row of it".to_owned(),
        );
    }
    let now = current(db, &row).await?;
    let known = |columns: &Map<String, Json>| {
        columns
            .keys()
            .find(|name| {
                !row.columns.contains(*name)
                    && now.as_ref().is_some_and(|now| !now.contains_key(*name))
            })
            .cloned()
    };
    let hidden = (!change.hidden.is_empty())
        .then(|| format!("the log has no values of {}", change.hidden.join(", ")));
    let gone = |columns: &Map<String, Json>| {
        known(columns).map(|name| format!("the column {name} was renamed or dropped"))
    };
    Ok(match change.kind() {
        Kind::Nothing => None,
        Kind::Inserted => {
            let conflict = match &now {
                None => Some("it was deleted or archived since".to_owned()),
                Some(now) => differing(now, &change.after),
            };
            Some(Step {
                action: Action::Delete(row),
                conflict,
            })
        }
        Kind::Deleted => {
            let conflict = now
                .is_some()
                .then(|| "a row with this key exists again".to_owned())
                .or(hidden);
            Some(Step {
                action: Action::Insert(row, change.before.clone()),
                conflict,
            })
        }
        Kind::Updated => {
            let conflict = match &now {
                None => Some("it was deleted or archived since".to_owned()),
                Some(now) => hidden
                    .or_else(|| gone(&change.before))
                    .or_else(|| differing(now, &change.after)),
            };
            let before: Map<_, _> = change
                .before
                .iter()
                .filter(|(name, _)| row.columns.contains(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            match before.is_empty() && conflict.is_none() {
                true => None,
                false => Some(Step {
                    action: Action::Update(row, before, change.after.clone()),
                    conflict,
                }),
            }
        }
    })
}

/// Whether a later change overwrote what the request wrote.
fn differing(now: &Map<String, Json>, written: &Map<String, Json>) -> Option<String> {
    let changed: Vec<_> = written
        .iter()
        .filter(|(name, value)| now.get(*name).is_some_and(|now| now != *value))
        .map(|(name, value)| {
            format!(
                "{name} is {} now, and was {} after it",
                plain(now.get(name).unwrap_or(&Json::Null)),
                plain(value)
            )
        })
        .collect();
    (!changed.is_empty()).then(|| changed.join("; "))
}

async fn row(db: &DatabaseConnection, change: &NetChange) -> Result<Option<Row>, Failure> {
    let found = rows(
        db,
        "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS \"table\",
                archive.is_same_identity(c.oid, 't', archive.key_columns(c.oid), 'k', archive.key_columns(c.oid)) AS is_row,
                ARRAY(SELECT a.attname FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) AS columns
         FROM archive.audited_table AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE r.table_name = $1",
        vec![change.table.clone().into()],
    )
    .await?;
    Ok(found.first().map(|found| Row {
        name: plain(&found["name"]),
        table: plain(&found["table"]),
        key: change.key.clone(),
        is_row: plain(&found["is_row"]),
        columns: found["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(plain)
            .collect(),
    }))
}

/// The values of a row now, as the log would write them; `None` where it is not in the table.
async fn current(db: &DatabaseConnection, row: &Row) -> Result<Option<Map<String, Json>>, Failure> {
    let columns = row.columns.iter().map(|name| {
        format!(
            "{}, archive.audit_value(t.{})",
            sea_orm_archive_postgres::ident::literal(name),
            quote(name)
        )
    });
    // jsonb_build_object() takes 100 arguments.
    let columns: Vec<_> = columns.collect();
    let objects: Vec<_> = columns
        .chunks(40)
        .map(|part| format!("pg_catalog.jsonb_build_object({})", part.join(", ")))
        .collect();
    let sql = format!(
        "SELECT {} FROM {1} AS t, pg_catalog.jsonb_populate_record(NULL::{1}, $1) AS k WHERE {2}",
        objects.join(" || "),
        row.table,
        row.is_row
    );
    let now = query::json(db, &sql, vec![row.key.clone().into()]).await?;
    Ok(now.and_then(|now| now.as_object().cloned()))
}

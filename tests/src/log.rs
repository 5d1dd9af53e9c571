//! Replays the audit log and compares the result with the tables.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, JsonValue, Statement};

/// The rows of a table and of its archive table, by key.
#[derive(Debug, Default, PartialEq)]
struct Rows {
    active: BTreeMap<String, JsonValue>,
    archived: BTreeMap<String, JsonValue>,
}

/// An archived row without the columns that the archive adds.
const PLAIN: &str = "to_jsonb(t) - '{deleted_at,deleted_by,archival_id}'::text[]";

/// Checks that the audit log is complete: replaying its entries from empty tables must yield the rows of `tables` and
/// of their archive tables, and every entry must fit the rows before it.
///
/// `db` must see all rows. Returns the number of entries.
///
/// # Panics
///
/// If the log and the tables differ. The message contains the entry or the rows.
pub async fn assert_log_agrees(db: &DatabaseConnection, tables: &[&str]) -> usize {
    let mut entries = 0;
    for table in tables {
        let (from_log, count) = replayed(db, table).await;
        let from_tables = Rows {
            active: rows(db, table, "to_jsonb(t)", table).await,
            archived: rows(db, table, PLAIN, &format!("deleted_{table}")).await,
        };
        assert_eq!(
            from_log, from_tables,
            "the log of {table} differs from its rows"
        );
        entries += count;
    }
    entries
}

impl Rows {
    /// Where a row is that was changed, with or without an archival.
    fn place(&mut self, archival: &JsonValue) -> &mut BTreeMap<String, JsonValue> {
        match archival.is_null() {
            true => &mut self.active,
            false => &mut self.archived,
        }
    }
}

async fn replayed(db: &DatabaseConnection, table: &str) -> (Rows, usize) {
    let sql = format!(
        "select jsonb_build_array(operation, key, new, archival_id) from archive.audit_entry
         where table_name = 'public.{table}' order by id"
    );
    let entries = json(db, sql).await;
    let mut rows = Rows::default();
    for entry in &entries {
        let key = entry[1].to_string();
        let applied = match entry[0].as_str().unwrap_or_default() {
            // With an archival it is an archived row.
            "INSERT" if !entry[3].is_null() => {
                rows.archived.insert(key, entry[2].clone()).is_none()
            }
            "INSERT" => rows.active.insert(key, entry[2].clone()).is_none(),
            "DELETE" if entry[3].is_null() => rows.active.remove(&key).is_some(),
            "DELETE" => rows.archived.remove(&key).is_some(),
            "UPDATE" => match rows.place(&entry[3]).get_mut(&key) {
                Some(row) => {
                    let values = entry[2].as_object().into_iter().flatten();
                    for (name, value) in values {
                        row[name] = value.clone();
                    }
                    true
                }
                None => false,
            },
            "ARCHIVE" => {
                let row = rows.active.remove(&key);
                row.is_some_and(|row| rows.archived.insert(key, row).is_none())
            }
            "RESTORE" => {
                let row = rows.archived.remove(&key);
                row.is_some_and(|row| rows.active.insert(key, row).is_none())
            }
            _ => false,
        };
        assert!(
            applied,
            "this entry of {table} does not fit the rows before it: {entry}, {rows:?}"
        );
    }
    (rows, entries.len())
}

async fn rows(
    db: &DatabaseConnection,
    table: &str,
    row: &str,
    from: &str,
) -> BTreeMap<String, JsonValue> {
    let sql = format!(
        "select jsonb_build_array(
                (select jsonb_object_agg(a.attname, to_jsonb(t)->a.attname::text)
                 from pg_index as i
                 join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                 where i.indrelid = '{table}'::regclass and i.indisprimary),
                {row})
         from {from} as t"
    );
    json(db, sql)
        .await
        .into_iter()
        .map(|pair| (pair[0].to_string(), pair[1].clone()))
        .collect()
}

async fn json(db: &DatabaseConnection, sql: String) -> Vec<JsonValue> {
    let rows = db
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    rows.iter()
        .map(|row| {
            row.try_get_by_index(0)
                .unwrap_or_else(|error| panic!("{error}"))
        })
        .collect()
}

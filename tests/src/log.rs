//! Whether the audit log tells what happened.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, JsonValue, Statement};

/// The rows of a table by their keys, and those of its archive table.
#[derive(Debug, Default, PartialEq)]
struct Rows {
    active: BTreeMap<String, JsonValue>,
    archived: BTreeMap<String, JsonValue>,
}

/// An archived row as it was.
const PLAIN: &str = "to_jsonb(t) - '{deleted_at,deleted_by,archival_id}'::text[]";

/// Checks that the log tells of every row of `tables`, entry by entry: whoever begins with nothing and does what the
/// entries say, has what is in the tables and in their archive tables, and never meets an entry that makes no sense.
///
/// `db` must see all rows. Returns how many entries there are.
///
/// # Panics
///
/// If it does not, with the entry or the rows that differ.
pub async fn assert_log_agrees(db: &DatabaseConnection, tables: &[&str]) -> usize {
    let mut entries = 0;
    for table in tables {
        let (told, count) = replayed(db, table).await;
        let found = Rows {
            active: rows(db, table, "to_jsonb(t)", table).await,
            archived: rows(db, table, PLAIN, &format!("deleted_{table}")).await,
        };
        assert_eq!(told, found, "the log of {table} tells something else");
        entries += count;
    }
    entries
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
        let took = match entry[0].as_str().unwrap_or_default() {
            "INSERT" => rows.active.insert(key, entry[2].clone()).is_none(),
            "DELETE" => rows.active.remove(&key).is_some(),
            "UPDATE" => match rows.active.get_mut(&key) {
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
            took,
            "this entry of {table} makes no sense here: {entry}, {rows:?}"
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

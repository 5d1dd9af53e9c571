//! `log`: entries of the audit log, as a person reads them.

use serde_json::{Value as Json, json};

use super::Session;
use super::list::time;
use crate::answer::{Answer, key, plain, raw};
use crate::args::Log;
use crate::failure::Failure;
use crate::query::{self, rows};

const ENTRIES: &str = "
    SELECT e.id, e.at, e.operation, e.table_name, e.key, e.old, e.new, e.redacted, e.erased, e.actor, e.tenant, e.request_id, e.transaction_id, e.archival_id, e.database_user
    FROM archive.audit_entry AS e
    WHERE ($1::jsonb IS NULL OR e.key_hash IN (SELECT pg_catalog.jsonb_hash_extended(k.value, 0) FROM pg_catalog.jsonb_array_elements($1) AS k)
                                AND e.key IN (SELECT k.value FROM pg_catalog.jsonb_array_elements($1) AS k))
      AND ($2::text IS NULL OR e.table_name = $2) AND ($3::text IS NULL OR e.actor = $3) AND ($4::text IS NULL OR e.request_id = $4)
      AND ($5::bigint IS NULL OR e.transaction_id = $5) AND ($6::text IS NULL OR e.at >= $6::timestamptz) AND ($7::text IS NULL OR e.at < $7::timestamptz)
    ORDER BY e.at DESC, e.id DESC LIMIT $8";

pub(super) async fn run(session: &Session, options: &Log) -> Result<Answer, Failure> {
    query::require_log(&session.db).await?;
    let (table, keys) = match options.row.as_slice() {
        [] => (None, None),
        [table] => (Some(audited(session, table).await?), None),
        [table, key @ ..] => {
            let name = audited(session, table).await?;
            let keys = logged_keys(session, &name, key).await?;
            (Some(name), Some(keys))
        }
    };
    let values = vec![
        keys.into(),
        table.map(|table| table.logged).into(),
        options.by.clone().into(),
        options.request.clone().into(),
        options.transaction.into(),
        options.since.clone().into(),
        options.until.clone().into(),
        i64::from(options.limit).into(),
    ];
    let entries = rows(&session.db, ENTRIES, values).await?;
    let text = match entries.is_empty() {
        true => "no entries".to_owned(),
        false => entries.iter().map(entry).collect::<Vec<_>>().join("\n"),
    };
    Ok(Answer::new(text, json!({ "entries": entries })))
}

/// An audited table.
struct Audited {
    /// Its name in entries.
    logged: String,
    /// As SQL.
    table: String,
    /// Its primary key.
    key: Vec<String>,
}

async fn audited(session: &Session, table: &str) -> Result<Audited, Failure> {
    let found = rows(
        &session.db,
        "SELECT a.table_name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, archive.key_columns(c.oid) AS key
         FROM archive.audited_table AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE $1 IN (c.relname, pg_catalog.concat(n.nspname, '.', c.relname)) LIMIT 1",
        vec![table.into()],
    )
    .await?;
    let Some(found) = found.first() else {
        return Err(Failure::NotFound(format!(
            "audited table {table}: `sea-orm-archive generate --audit {table}` writes the migration, and the log records changes from then on"
        )));
    };
    let key = found["key"].as_array().into_iter().flatten();
    Ok(Audited {
        logged: raw(&found["table_name"]),
        table: raw(&found["name"]),
        key: key.map(raw).collect(),
    })
}

/// The key of a row as entries contain it, under each name that its columns had.
async fn logged_keys(session: &Session, table: &Audited, key: &[String]) -> Result<Json, Failure> {
    if key.len() != table.key.len() {
        return Err(Failure::Usage(format!(
            "the primary key of {} is ({}): pass a value for each column",
            table.logged,
            table.key.join(", ")
        )));
    }
    let object: Json = table
        .key
        .iter()
        .cloned()
        .zip(key.iter().map(|value| Json::from(value.as_str())))
        .collect();
    let sql = "SELECT pg_catalog.to_jsonb(archive.audit_keys($1::pg_catalog.text::pg_catalog.regclass, $2))";
    let keys = query::json(
        &session.db,
        sql,
        vec![table.table.clone().into(), object.into()],
    )
    .await?;
    Ok(keys.unwrap_or_default())
}

/// `2026-11-26 14:03:12+00:00 UPDATE public.posts 42 by 7, request r1`, and a line for each column that changed.
fn entry(entry: &Json) -> String {
    let mut head = format!(
        "{} {} {} {}",
        time(&entry["at"]),
        plain(&entry["operation"]),
        plain(&entry["table_name"]),
        key(&entry["key"])
    );
    for (name, label) in [
        ("actor", "by"),
        ("request_id", "request"),
        ("archival_id", "archival"),
        ("transaction_id", "transaction"),
    ] {
        if !entry[name].is_null() {
            head.push_str(&format!(" {label} {}", plain(&entry[name])));
        }
    }
    let mut lines = vec![head];
    let column = |image: &str, name: &str| entry[image].get(name).map(plain);
    let mut names: Vec<&String> = ["old", "new"]
        .iter()
        .filter_map(|image| entry[*image].as_object())
        .flat_map(|image| image.keys())
        .collect();
    names.sort();
    names.dedup();
    for name in names {
        lines.push(match (column("old", name), column("new", name)) {
            (Some(old), Some(new)) => format!("    {name}: {old} -> {new}"),
            (Some(old), None) => format!("  - {name}: {old}"),
            (None, Some(new)) => format!("  + {name}: {new}"),
            (None, None) => continue,
        });
    }
    for (list, what) in [("redacted", "redacted"), ("erased", "erased")] {
        let columns = entry[list]
            .as_array()
            .into_iter()
            .flatten()
            .map(plain)
            .collect::<Vec<_>>();
        if !columns.is_empty() {
            lines.push(format!("    {what}: {}", columns.join(", ")));
        }
    }
    lines.join("\n")
}

//! What a row is now, and what refers to it.

use sea_orm::DatabaseTransaction;
use sea_orm_archive_postgres::ident::literal;
use serde_json::{Map, Value as Json};

use super::plan::Row;
use crate::answer::{plain, raw};
use crate::failure::Failure;
use crate::query::{json, quote, rows};

/// The values of a row now, as the log would write them; `None` where it is not in the table.
pub(super) async fn values_now(
    db: &DatabaseTransaction,
    row: &Row,
) -> Result<Option<Map<String, Json>>, Failure> {
    let columns = row
        .columns
        .iter()
        .map(|name| format!("{}, archive.audit_value(t.{})", literal(name), quote(name)));
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
    let now = json(db, &sql, vec![row.key.clone().into()]).await?;
    Ok(now.and_then(|now| now.as_object().cloned()))
}

/// Which values differ from those that the log has.
pub(super) fn differing(now: &Map<String, Json>, written: &Map<String, Json>) -> Option<String> {
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

const REFERRING: &str = "
    SELECT k.conname AS name, pg_catalog.concat(n.nspname, '.', c.relname) AS child,
           pg_catalog.format('SELECT FROM %I.%I AS c, %s AS t, pg_catalog.jsonb_populate_record(NULL::%s, $1) AS k
               WHERE %s AND (c.tableoid <> t.tableoid OR c.ctid <> t.ctid) AND ', n.nspname, c.relname, $1, $1, $2)
               || (SELECT pg_catalog.string_agg(pg_catalog.format('c.%I = t.%I', ca.attname, pa.attname), ' AND ')
                   FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) AS m(child, parent)
                   JOIN pg_catalog.pg_attribute AS ca ON ca.attrelid = k.conrelid AND ca.attnum = m.child
                   JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = k.confrelid AND pa.attnum = m.parent) AS query
    FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confdeltype IN ('c', 'n', 'd') AND k.confrelid = pg_catalog.to_regclass($1)
    ORDER BY k.conname";

/// A foreign key by which other rows refer to this one, and that would delete or change them with it.
pub(super) async fn referring(
    db: &DatabaseTransaction,
    row: &Row,
) -> Result<Option<String>, Failure> {
    let keys = rows(
        db,
        REFERRING,
        vec![row.table.clone().into(), row.is_row.clone().into()],
    )
    .await?;
    for key in keys {
        let sql = format!(
            "SELECT pg_catalog.to_jsonb(EXISTS ({}))",
            raw(&key["query"])
        );
        if json(db, &sql, vec![row.key.clone().into()]).await? == Some(Json::Bool(true)) {
            let (name, child) = (plain(&key["name"]), plain(&key["child"]));
            return Ok(Some(format!("{name} of {child}")));
        }
    }
    Ok(None)
}

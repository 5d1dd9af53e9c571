//! What a row is now, and what refers to it.

use sea_orm::DatabaseTransaction;
use sea_orm_archive_postgres::ident::literal;
use serde_json::Value as Json;

use super::step::{Row, elements};
use super::values::{Values, object, read, shown};
use crate::answer::{plain, raw};
use crate::failure::Failure;
use crate::query::{json, quote, rows};

/// The values of a row now, as the log would write them; `None` where it is not in the table.
pub(super) async fn values_now(
    db: &DatabaseTransaction,
    row: &Row,
) -> Result<Option<Values>, Failure> {
    let columns = row.columns.iter().map(|name| {
        format!(
            "{}, coalesce(archive.audit_value(t.{})::pg_catalog.text, 'null')",
            literal(name),
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
        "SELECT {} FROM {1} AS t, pg_catalog.jsonb_populate_record(NULL::{1}, $1::pg_catalog.text::pg_catalog.jsonb) AS k WHERE {2}",
        objects.join(" || "),
        row.table,
        row.is_row
    );
    let now = json(db, &sql, vec![object(&row.key).into()]).await?;
    Ok(now.as_ref().map(read))
}

/// Which values differ from those that the log has.
pub(super) fn differing(now: &Values, written: &Values) -> Option<String> {
    let changed: Vec<_> = written
        .iter()
        .filter(|(name, value)| now.get(*name).is_some_and(|now| now != *value))
        .map(|(name, value)| {
            format!(
                "{name} is {} now, and was {} after it",
                now.get(name).map_or_else(String::new, |now| shown(now)),
                shown(value)
            )
        })
        .collect();
    (!changed.is_empty()).then(|| changed.join("; "))
}

/// Rows of a group that refer to each other go together where the foreign key is checked at the end of the statement; here they are reported, and
/// the group is split.
const REFERRING: &str = "
    SELECT k.conname AS name, pg_catalog.concat(n.nspname, '.', c.relname) AS child,
           pg_catalog.format('SELECT FROM %I.%I AS c, %s AS t, %s
               WHERE %s AND (c.tableoid <> t.tableoid OR c.ctid <> t.ctid) AND ', n.nspname, c.relname, $1, $2, $3)
               || (SELECT pg_catalog.string_agg(pg_catalog.format('t.%I OPERATOR(%I.%s) c.%I', pa.attname, os.nspname, o.oprname, ca.attname), ' AND ')
                   FROM ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey), pg_catalog.unnest(k.conpfeqop)) AS m(child, parent, equals)
                   JOIN pg_catalog.pg_operator AS o ON o.oid = m.equals JOIN pg_catalog.pg_namespace AS os ON os.oid = o.oprnamespace
                   JOIN pg_catalog.pg_attribute AS ca ON ca.attrelid = k.conrelid AND ca.attnum = m.child
                   JOIN pg_catalog.pg_attribute AS pa ON pa.attrelid = k.confrelid AND pa.attnum = m.parent) AS query
    FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confdeltype IN ('c', 'n', 'd') AND k.confrelid = pg_catalog.to_regclass($1)
    ORDER BY k.conname";

/// A foreign key by which other rows refer to those of a group, and that would delete or change them too.
pub(super) async fn referring(
    db: &DatabaseTransaction,
    row: &Row,
    group: &str,
) -> Result<Option<String>, Failure> {
    let keys = rows(
        db,
        REFERRING,
        vec![
            row.table.clone().into(),
            elements(&row.table).into(),
            row.is_row.clone().into(),
        ],
    )
    .await?;
    for key in keys {
        let sql = format!(
            "SELECT pg_catalog.to_jsonb(EXISTS ({}))",
            raw(&key["query"])
        );
        if json(db, &sql, vec![group.to_owned().into()]).await? == Some(Json::Bool(true)) {
            let (name, child) = (plain(&key["name"]), plain(&key["child"]));
            return Ok(Some(format!("{name} of {child}")));
        }
    }
    Ok(None)
}

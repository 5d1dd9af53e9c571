//! Questions to the database, in SQL: the command has no entities.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionSession,
    TransactionTrait, Value,
};
use serde_json::Value as Json;

use crate::failure::Failure;

/// The JSON value that a query returns as its first column; `None` without a row, or for NULL.
///
/// The query runs on a `search_path` of its own, so it names every object with its schema: on that of the caller, a role with CREATE on one of the
/// schemas could define a function or operator for exactly the types of a call, which would run as the operator.
pub(crate) async fn json(
    db: &impl TransactionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<Json>, Failure> {
    const PATH: &str = "SELECT pg_catalog.current_setting('search_path') AS before, pg_catalog.set_config('search_path', $1, true)";
    let of = |sql: &str, values| Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let transaction = db.begin().await?;
    let own = of(PATH, vec!["pg_catalog, pg_temp".into()]);
    let before = transaction.query_one_raw(own).await?;
    let found = transaction.query_one_raw(of(sql, values)).await?;
    // The transaction may be a part of another one, which goes on with the path of the caller.
    if let Some(before) = before {
        let before: String = before.try_get("", "before")?;
        let before = of(PATH, vec![before.into()]);
        transaction.query_one_raw(before).await?;
    }
    transaction.commit().await?;
    match found {
        Some(row) => Ok(row.try_get_by_index::<Option<Json>>(0)?),
        None => Ok(None),
    }
}

/// The array of JSON that a query of rows returns.
pub(crate) async fn rows(
    db: &impl TransactionTrait,
    query: &str,
    values: Vec<Value>,
) -> Result<Vec<Json>, Failure> {
    let sql = format!(
        "SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(q)), '[]') FROM ({query}) AS q"
    );
    match json(db, &sql, values).await? {
        Some(Json::Array(rows)) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

/// A table that exists, as SQL with its schema. A name without a schema is resolved on the caller's `search_path`.
pub(crate) async fn table(db: &DatabaseConnection, name: &str) -> Result<String, Failure> {
    let quoted: Vec<_> = name.split('.').map(quote).collect();
    if quoted.len() > 2 {
        return Err(Failure::Usage(format!(
            "{name} is no table: write table, or schema.table; names with a dot in them cannot be given"
        )));
    }
    let quoted = quoted.join(".");
    match on_path(db, &quoted).await? {
        Some(found) => Ok(found),
        None => Err(Failure::NotFound(format!("table {name}"))),
    }
}

/// What a name, which is SQL, means on the caller's `search_path`, with its schema.
async fn on_path(db: &DatabaseConnection, name: &str) -> Result<Option<String>, Failure> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_class AS c
               JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
               WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid";
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [name.into()]);
    let found = db.query_one_raw(statement).await?;
    Ok(found.map(|row| row.try_get("", "name")).transpose()?)
}

/// Whether the schema `archive` has this table.
pub(crate) async fn has(db: &impl TransactionTrait, table: &str) -> Result<bool, Failure> {
    let sql = "SELECT pg_catalog.to_jsonb(pg_catalog.to_regclass(pg_catalog.concat('archive.', $1::text)) IS NOT NULL)";
    Ok(json(db, sql, vec![table.into()]).await? == Some(Json::Bool(true)))
}

/// Fails where there is no audit log.
pub(crate) async fn require_log(db: &DatabaseConnection) -> Result<(), Failure> {
    match has(db, "archival").await? && !has(db, "audit_entry").await? {
        true => Err(Failure::Setup(
            "there is no audit log: `sea-orm-archive generate --audit TABLE` writes the migration that installs it, and the log records changes from then on".to_owned(),
        )),
        false => Ok(()),
    }
}

/// A registered table, by `table` or `schema.table`.
pub(crate) struct Registered {
    /// `schema.table`.
    pub name: String,
    /// As SQL.
    pub table: String,
    pub archive_table: String,
    pub archival_id: String,
    pub key: Vec<String>,
}

/// The table of this name that has an archive table.
pub(crate) async fn registered(
    db: &DatabaseConnection,
    table: &str,
) -> Result<Registered, Failure> {
    // Of several tables of this name, the one on the caller's path.
    let first = on_path(db, &quote(table)).await?;
    let found = rows(
        db,
        "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS active,
                pg_catalog.format('%I.%I', an.nspname, ac.relname) AS archive_table, r.archival_id_column AS archival_id, archive.key_columns(c.oid) AS key
         FROM archive.archived_table AS r
         JOIN pg_catalog.pg_class AS c ON c.oid = r.active JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_class AS ac ON ac.oid = r.archive_table JOIN pg_catalog.pg_namespace AS an ON an.oid = ac.relnamespace
         WHERE $1 IN (c.relname, pg_catalog.concat(n.nspname, '.', c.relname))
         ORDER BY pg_catalog.format('%I.%I', n.nspname, c.relname) IS NOT DISTINCT FROM $2 DESC LIMIT 1",
        vec![table.into(), first.into()],
    )
    .await?;
    let Some(found) = found.first() else {
        return Err(Failure::NotFound(format!(
            "table {table} with an archive table"
        )));
    };
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    let key = found["key"].as_array().into_iter().flatten();
    Ok(Registered {
        name: text("name"),
        table: text("active"),
        archive_table: text("archive_table"),
        archival_id: text("archival_id"),
        key: key
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
    })
}

/// The texts of a key as JSON: `["42"]`.
pub(crate) fn key_json(table: &Registered, key: &[String]) -> Result<String, Failure> {
    if key.len() != table.key.len() {
        return Err(Failure::Usage(format!(
            "the primary key of {} has {} column(s), ({}), and {} value(s) are given",
            table.name,
            table.key.len(),
            table.key.join(", "),
            key.len()
        )));
    }
    Ok(Json::from(key.to_vec()).to_string())
}

/// The archival that a row is in.
pub(crate) async fn archival_of(
    db: &DatabaseConnection,
    table: &str,
    key: &[String],
) -> Result<i64, Failure> {
    let table = registered(db, table).await?;
    let exact = key_json(&table, key)?;
    let sql = format!(
        "SELECT pg_catalog.to_jsonb(t.{}) FROM {} AS t WHERE {} LIMIT 1",
        quote(&table.archival_id),
        table.archive_table,
        is_key(db, &table).await?
    );
    match json(db, &sql, vec![exact.into()])
        .await?
        .and_then(|id| id.as_i64())
    {
        Some(id) => Ok(id),
        None => Err(Failure::NotFound(format!(
            "archived row {} of {}",
            key.join(", "),
            table.name
        ))),
    }
}

/// Where a row is archived.
pub(crate) struct Located {
    /// `schema.table`.
    pub table: String,
    pub archival: i64,
    /// Its primary key, by column.
    pub key: Json,
    /// Whether it is the root of the archival.
    pub is_root: bool,
}

/// The archival that a row is in, and whether it is the root.
pub(crate) async fn located(
    db: &DatabaseConnection,
    table: &str,
    key: &[String],
) -> Result<Located, Failure> {
    let archival = archival_of(db, table, key).await?;
    let table = registered(db, table).await?;
    let columns = table
        .key
        .iter()
        .map(|name| format!("{}, t.{}", literal(name), quote(name)));
    let columns: Vec<_> = columns.collect();
    // A key that was renamed since is another object in the record. The only row of the table of the root is the root.
    let sql = format!(
        "SELECT pg_catalog.jsonb_build_object('key', k.key, 'is_root', a.tables[1] OPERATOR(pg_catalog.=) pg_catalog.to_regclass({active})
                AND (a.root_key = k.key OR archive.is_renamed_key(a.root_key, k.key)
                     OR (SELECT pg_catalog.count(*) FROM {from} AS o WHERE o.{id} = a.id) = 1))
         FROM {from} AS t CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_build_object({}) AS key) AS k JOIN archive.archival AS a ON a.id = t.{id}
         WHERE {} AND a.id = $2",
        columns.join(", "),
        is_key(db, &table).await?,
        active = literal(&table.table),
        from = table.archive_table,
        id = quote(&table.archival_id),
    );
    let exact = key_json(&table, key)?;
    let Some(found) = json(db, &sql, vec![exact.into(), archival.into()]).await? else {
        // Race: it was restored or purged since it was found.
        return Err(Failure::NotFound(format!(
            "archived row {} of {}",
            key.join(", "),
            table.name
        )));
    };
    Ok(Located {
        table: table.name,
        archival,
        key: found["key"].clone(),
        is_root: found["is_root"] == true,
    })
}

/// The condition that the row `t` has the key `$1`, an array of texts.
pub(crate) async fn is_key(db: &DatabaseConnection, table: &Registered) -> Result<String, Failure> {
    let sql = "SELECT pg_catalog.to_jsonb(archive.is_key($1::pg_catalog.text::pg_catalog.regclass, 't', archive.key_columns($1::pg_catalog.text::pg_catalog.regclass)))";
    let condition = json(db, sql, vec![table.table.clone().into()]).await?;
    let condition = condition.as_ref().and_then(Json::as_str);
    let missing = || Failure::NotFound(format!("primary key of {}", table.name));
    // The driver sends a text, which is read as JSON here.
    Ok(condition
        .ok_or_else(missing)?
        .replace("$1", "($1::pg_catalog.text::pg_catalog.jsonb)"))
}

pub(crate) use sea_orm_archive_postgres::ident::{literal, quote};

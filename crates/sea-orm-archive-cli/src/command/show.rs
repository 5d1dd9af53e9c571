//! `show`: an archival with its rows.

use sea_orm::EntityTrait;
use sea_orm_archive::archival;
use serde_json::{Map, Value as Json, json};

use super::Session;
use super::list::{listed, time};
use crate::answer::{Answer, key, plain};
use crate::args::{Show, Target};
use crate::failure::Failure;
use crate::query::{Registered, archival_of, quote, registered, rows};

/// The id of the archival that the arguments name.
pub(super) async fn archival_id(session: &Session, target: &Target) -> Result<i64, Failure> {
    match target.target.as_slice() {
        [id] => id.parse().map_err(|_| {
            Failure::Usage(format!("{id} is not the id of an archival: pass a number, or a table and the primary key of a row"))
        }),
        [table, key @ ..] => archival_of(&session.db, table, key).await,
        [] => Err(Failure::Usage("pass the id of an archival, or a table and the primary key of a row".to_owned())),
    }
}

pub(super) async fn run(session: &Session, options: &Show) -> Result<Answer, Failure> {
    let id = archival_id(session, &options.target).await?;
    let missing = || Failure::NotFound(format!("archival {id}"));
    let record = archival::Entity::find_by_id(id)
        .one(&session.db)
        .await?
        .ok_or_else(missing)?;
    let json = serde_json::to_value(&record).unwrap_or_default();
    let mut text = vec![listed(std::slice::from_ref(&json))];
    text.extend(past(&json));
    text.extend(held(session, &record).await);
    if let Some(metadata) = &record.metadata {
        text.push(format!("metadata {metadata}"));
    }
    let mut found = Map::new();
    // The record names the tables by their names of then; the register follows renames.
    let tables = rows(
        &session.db,
        "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name FROM archive.archival AS a CROSS JOIN LATERAL pg_catalog.unnest(a.tables) WITH ORDINALITY AS t(id, ord)
         JOIN pg_catalog.pg_class AS c ON c.oid = t.id JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         JOIN archive.archived_table AS r ON r.active = t.id WHERE a.id = $1 ORDER BY t.ord",
        vec![id.into()],
    )
    .await?;
    for name in tables.iter().filter_map(|row| row["name"].as_str()) {
        let archived = registered(&session.db, name).await?;
        let query = format!(
            "SELECT t.* FROM {} AS t WHERE t.{} = $1 LIMIT {}",
            archived.archive_table,
            quote(&archived.archival_id),
            u64::from(options.rows) + 1
        );
        let mut lines = rows(&session.db, &query, vec![id.into()]).await?;
        let is_cut = lines.len() as u64 > u64::from(options.rows);
        lines.truncate(options.rows as usize);
        if !lines.is_empty() {
            let columns = columns(session, &archived).await?;
            text.push(String::new());
            text.extend(lines.iter().map(|row| described(&archived, &columns, row)));
            if is_cut {
                text.push(format!(
                    "{name} has more rows: --rows prints more than {}",
                    options.rows
                ));
            }
            found.insert(name.to_owned(), Json::Array(lines));
        }
    }
    Ok(Answer::new(
        text.join("\n"),
        json!({"archival": json, "rows": found}),
    ))
}

/// When an archival was restored or purged, and by whom.
fn past(archival: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    for (verb, at, by) in [
        ("restored", "restored_at", "restored_by"),
        ("purged", "purged_at", "purged_by"),
    ] {
        if archival[at].is_string() {
            let actor = match &archival[by] {
                Json::Null => String::new(),
                actor => format!(" by {}", plain(actor)),
            };
            let policy = match (verb, &archival["purge_policy"]) {
                ("purged", Json::String(policy)) => format!(", policy {policy}"),
                _ => String::new(),
            };
            lines.push(format!("{verb} {}{actor}{policy}", time(&archival[at])));
        }
    }
    if let Some(archival) = archival["part_of"].as_i64() {
        lines.push(format!("part of archival {archival}, which it left"));
    }
    lines
}

/// The holds on the archival itself. A role without `grant_holds` sees only how many there are.
async fn held(session: &Session, record: &archival::Model) -> Vec<String> {
    if record.holds == 0 {
        return Vec::new();
    }
    let holds = rows(
        &session.db,
        "SELECT h.id, h.reason, h.placed_by FROM archive.hold AS h WHERE h.archival_id = $1 AND h.released_at IS NULL ORDER BY h.id",
        vec![record.id.into()],
    )
    .await;
    let holds = holds.unwrap_or_default();
    if holds.is_empty() {
        return vec![format!("under {} hold(s)", record.holds)];
    }
    let line = |hold: &Json| {
        let by = match &hold["placed_by"] {
            Json::Null => String::new(),
            actor => format!(" by {}", plain(actor)),
        };
        format!("under hold {}{by}: {}", hold["id"], plain(&hold["reason"]))
    };
    holds.iter().map(line).collect()
}

/// The columns of an archive table in their order, without those of the primary key and the id of the archival.
async fn columns(session: &Session, archived: &Registered) -> Result<Vec<String>, Failure> {
    let columns = rows(
        &session.db,
        "SELECT a.attname AS name FROM pg_catalog.pg_attribute AS a
         WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        vec![archived.archive_table.clone().into()],
    )
    .await?;
    let columns = columns.iter().map(|column| plain(&column["name"]));
    let is_shown = |name: &String| *name != archived.archival_id && !archived.key.contains(name);
    Ok(columns.filter(is_shown).collect())
}

/// `public.posts 42`, and a line for each column, as `log` prints a row.
fn described(table: &Registered, columns: &[String], row: &Json) -> String {
    let values: Map<String, Json> = table
        .key
        .iter()
        .map(|name| (name.clone(), row[name.as_str()].clone()))
        .collect();
    let mut lines = vec![format!("{} {}", table.name, key(&values.into()))];
    for name in columns {
        lines.push(format!("    {name}: {}", plain(&row[name.as_str()])));
    }
    lines.join("\n")
}

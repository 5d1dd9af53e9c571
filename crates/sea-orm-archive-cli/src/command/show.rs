//! `show`: an archival with its rows.

use sea_orm::EntityTrait;
use sea_orm_archive::archival;
use serde_json::{Map, Value as Json, json};

use super::Session;
use super::list::listed;
use crate::answer::{Answer, plain, table};
use crate::args::{Show, Target};
use crate::failure::Failure;
use crate::query::{archival_of, quote, registered, rows};

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
            options.rows
        );
        let lines = rows(&session.db, &query, vec![id.into()]).await?;
        if !lines.is_empty() {
            text.push(format!("\n{name}\n{}", fields(&lines)));
            found.insert(name.to_owned(), Json::Array(lines));
        }
    }
    Ok(Answer::new(
        text.join("\n"),
        json!({"archival": json, "rows": found}),
    ))
}

/// Rows as lines of a column and its value, since a row may have many columns.
fn fields(rows: &[Json]) -> String {
    let fields = rows.iter().enumerate().flat_map(|(place, row)| {
        let columns = row.as_object().into_iter().flatten();
        columns.map(move |(name, value)| [(place + 1).to_string(), name.clone(), plain(value)])
    });
    table(["row", "column", "value"], fields)
}

//! `hold` and `release`.

use sea_orm::TransactionTrait;
use sea_orm_archive::hold;
use serde_json::{Value as Json, json};

use super::Session;
use super::list::time;
use crate::answer::{Answer, key, plain, table};
use crate::args::{Hold, Release};
use crate::failure::Failure;
use crate::query::{self, is_key, key_json, registered, rows};

pub(super) async fn run(session: &Session, options: &Hold) -> Result<Answer, Failure> {
    if options.list || options.target.is_empty() {
        return list(session).await;
    }
    let placed = place(session, options).await?;
    Ok(Answer::new(
        format!("hold {} placed", placed["id"]),
        json!({ "hold": placed }),
    ))
}

const PLACE: &str = "archive.place_hold($1, $2::pg_catalog.text::pg_catalog.regclass, $3::pg_catalog.text::pg_catalog.jsonb, $4, $5, $6::pg_catalog.text::pg_catalog.timestamptz, $7)";

/// Places a hold. That on a row is placed on one that exists.
///
/// Race: a purge of the row has begun. `place_hold` waits for it, so the row is read afterwards, by a statement with a new snapshot.
async fn place(session: &Session, options: &Hold) -> Result<Json, Failure> {
    let (archival, name, row) = match options.target.as_slice() {
        [id] if id.parse::<i64>().is_ok() => (id.parse::<i64>().ok(), None, None),
        [table] => (
            None,
            Some(quoted(session, table, options.person).await?),
            None,
        ),
        [table, key @ ..] => {
            let name = quoted(session, table, options.person).await?;
            (
                None,
                Some(name.clone()),
                Some(row_key(session, table, &name, key, options.person).await?),
            )
        }
        [] => return Err(Failure::Usage("name what is held".to_owned())),
    };
    let (exact, exists) = row.unzip();
    let values = vec![
        archival.into(),
        name.into(),
        exact.clone().into(),
        options.reason.clone().into(),
        session.actor.clone().into(),
        options.until.clone().into(),
        options.person.into(),
    ];
    let transaction = session.db.begin().await?;
    let placed = query::json(&transaction, &format!("SELECT {PLACE}"), values).await?;
    if let Some(exists) = exists.flatten()
        && query::json(&transaction, &exists, vec![exact.into()]).await? != Some(Json::Bool(true))
    {
        transaction.rollback().await?;
        return Err(Failure::NotFound(format!(
            "row {}, active or archived",
            options.target.join(" ")
        )));
    }
    transaction.commit().await?;
    let missing = || match archival {
        Some(id) => Failure::Archive(
            sea_orm_archive::error::NotFoundError::Archival { archival: id }.into(),
        ),
        None => Failure::NotFound(options.target.join(" ")),
    };
    placed.ok_or_else(missing)
}

/// A table as SQL. That of a person needs no archive table.
async fn quoted(session: &Session, table: &str, is_person: bool) -> Result<String, Failure> {
    match is_person {
        true => query::table(&session.db, table).await,
        false => Ok(registered(&session.db, table).await?.table),
    }
}

/// The exact texts of a key, and the query whether there is such a row, `$1`. The row of a person may be gone.
async fn row_key(
    session: &Session,
    table: &str,
    name: &str,
    key: &[String],
    is_person: bool,
) -> Result<(String, Option<String>), Failure> {
    let (given, exists) = match is_person {
        true => (Json::from(key.to_vec()).to_string(), None),
        false => {
            let held = registered(&session.db, table).await?;
            let condition = is_key(&session.db, &held).await?;
            let exists = format!(
                "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} AS t WHERE {condition}) OR EXISTS (SELECT FROM {} AS t WHERE {condition}))",
                held.table, held.archive_table
            );
            (key_json(&held, key)?, Some(exists))
        }
    };
    let sql = "SELECT archive.exact_key($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.text::pg_catalog.jsonb)";
    let exact = query::json(&session.db, sql, vec![name.into(), given.into()]).await?;
    Ok((exact.unwrap_or_default().to_string(), exists))
}

async fn list(session: &Session) -> Result<Answer, Failure> {
    let holds = rows(
        &session.db,
        "SELECT h.id, h.archival_id, h.held_table, h.held_key, h.of_person, h.reason, h.placed_at, h.placed_by, h.until, h.tenant FROM archive.hold AS h
         WHERE h.released_at IS NULL AND (h.until IS NULL OR h.until > pg_catalog.now()) ORDER BY h.id",
        Vec::new(),
    )
    .await?;
    let text = match holds.is_empty() {
        true => "no holds".to_owned(),
        false => table(
            ["id", "holds", "placed at", "by", "until", "reason"],
            holds.iter().map(line),
        ),
    };
    Ok(Answer::new(text, json!({ "holds": holds })))
}

fn line(hold: &Json) -> [String; 6] {
    let text = |name: &str| match &hold[name] {
        Json::Null => String::new(),
        value => plain(value),
    };
    let held = match (&hold["archival_id"], &hold["held_key"]) {
        (Json::Number(id), _) => format!("archival {id}"),
        (_, Json::Null) => format!("table {}", text("held_table")),
        (_, row) => {
            let kind = match hold["of_person"] == true {
                true => "person",
                false => "row",
            };
            format!("{kind} {} {}", text("held_table"), key(row))
        }
    };
    [
        text("id"),
        held,
        time(&hold["placed_at"]),
        text("placed_by"),
        match &hold["until"] {
            Json::Null => String::new(),
            until => time(until),
        },
        text("reason"),
    ]
}

pub(super) async fn release(session: &Session, options: &Release) -> Result<Answer, Failure> {
    let mut release = hold::Entity::release_by_id(options.hold, options.reason.clone());
    if let Some(actor) = &session.actor {
        release = release.by(actor.clone());
    }
    let released = release.exec(&session.db).await?;
    Ok(Answer::new(
        format!("hold {} released", released.id),
        json!({ "hold": released }),
    ))
}

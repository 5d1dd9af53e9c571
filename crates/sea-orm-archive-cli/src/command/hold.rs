//! `hold` and `release`.

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

async fn place(session: &Session, options: &Hold) -> Result<Json, Failure> {
    let (archival, name, exact) = match options.target.as_slice() {
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
    let values = vec![
        archival.into(),
        name.into(),
        exact.into(),
        options.reason.clone().into(),
        session.actor.clone().into(),
        options.until.clone().into(),
        options.person.into(),
    ];
    let placed = query::json(&session.db, &format!("SELECT {PLACE}"), values).await?;
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

/// The exact texts of a key, of a row that exists.
async fn row_key(
    session: &Session,
    table: &str,
    name: &str,
    key: &[String],
    is_person: bool,
) -> Result<String, Failure> {
    let given = match is_person {
        true => Json::from(key.to_vec()).to_string(),
        false => key_json(&registered(&session.db, table).await?, key)?,
    };
    let sql = "SELECT archive.exact_key($1::pg_catalog.text::pg_catalog.regclass, $2::pg_catalog.text::pg_catalog.jsonb)";
    let exact = query::json(&session.db, sql, vec![name.into(), given.clone().into()]).await?;
    let exact = exact.unwrap_or_default().to_string();
    if !is_person {
        let held = registered(&session.db, table).await?;
        let condition = is_key(&session.db, &held).await?;
        let sql = format!(
            "SELECT pg_catalog.to_jsonb(EXISTS (SELECT FROM {} AS t WHERE {condition}) OR EXISTS (SELECT FROM {} AS t WHERE {condition}))",
            held.table, held.archive_table
        );
        if query::json(&session.db, &sql, vec![exact.clone().into()]).await?
            != Some(Json::Bool(true))
        {
            return Err(Failure::NotFound(format!(
                "row {} of {}, active or archived",
                key.join(", "),
                held.name
            )));
        }
    }
    Ok(exact)
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

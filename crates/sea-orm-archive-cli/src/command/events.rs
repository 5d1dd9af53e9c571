//! `events`: what happened to archivals, in the order of the commits.

use sea_orm_archive::event::{self, Cursor};
use serde_json::json;

use super::Session;
use super::list::time;
use crate::answer::{Answer, key, table};
use crate::args::Events;
use crate::failure::Failure;

pub(super) async fn run(session: &Session, options: &Events) -> Result<Answer, Failure> {
    let after = Cursor::from(options.after);
    let events = event::Entity::after(after)
        .limit(u64::from(options.limit))
        .all(&session.db)
        .await?;
    let text = match events.last() {
        None => "no events".to_owned(),
        Some(last) => {
            let lines = table(
                [
                    "position", "at", "kind", "table", "key", "archival", "by", "reason",
                ],
                events.iter().map(|event| {
                    [
                        event.cursor().to_string(),
                        time(&json!(event.at)),
                        format!("{:?}", event.kind).to_lowercase(),
                        event.root_table.clone().unwrap_or_default(),
                        event.root_key.as_ref().map(key).unwrap_or_default(),
                        event
                            .archival_id
                            .map(|id| id.to_string())
                            .unwrap_or_default(),
                        event.actor.clone().unwrap_or_default(),
                        event.reason.clone().unwrap_or_default(),
                    ]
                }),
            );
            format!("{lines}\n\nthe next ones: --after {}", last.cursor())
        }
    };
    Ok(Answer::new(text, json!({ "events": events })))
}

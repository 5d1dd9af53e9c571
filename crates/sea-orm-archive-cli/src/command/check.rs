//! `check`: what differs from what the migrations registered.

use serde_json::json;

use super::Session;
use crate::answer::{Answer, table};
use crate::args::Check;
use crate::entities::Entities;
use crate::failure::Failure;

pub(super) async fn run(
    session: &Session,
    options: &Check,
    entities: &Entities,
) -> Result<Answer, Failure> {
    if options.rehearse > 0 && entities.is_empty() {
        return Err(Failure::Usage("--rehearse needs entities: call `sea_orm_archive_cli::run_cli_with(..)` in a binary of the application".to_owned()));
    }
    let mut findings = sea_orm_archive::check(&session.db).await?;
    findings.extend(entities.check(&session.db, options.rehearse).await?);
    let triggers = match options.triggers {
        true => sea_orm_archive::application_triggers(&session.db).await?,
        false => Vec::new(),
    };
    let mut text: Vec<_> = findings
        .iter()
        .map(|finding| {
            format!(
                "{} {}\n    {}",
                finding.object, finding.problem, finding.remedy
            )
        })
        .collect();
    text.push(match findings.len() {
        0 => "nothing differs from what the migrations registered".to_owned(),
        found => format!("{found} finding(s)"),
    });
    if !triggers.is_empty() {
        text.push(table(
            ["table", "trigger", "events", "suspended while"],
            triggers.iter().map(|t| {
                [
                    t.table.clone(),
                    t.trigger.clone(),
                    t.events.join(" "),
                    t.suspended_while.join(" "),
                ]
            }),
        ));
    }
    let answer = Answer::new(
        text.join("\n"),
        json!({"findings": findings, "triggers": triggers}),
    );
    Ok(answer.with_code(u8::from(!findings.is_empty())))
}

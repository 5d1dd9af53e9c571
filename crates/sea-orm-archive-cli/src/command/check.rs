//! `check`: what differs from what the migrations registered.

use serde_json::json;

use super::Session;
use crate::answer::{Answer, table};
use crate::args::Check;
use crate::failure::Failure;

pub(super) async fn run(session: &Session, options: &Check) -> Result<Answer, Failure> {
    let findings = sea_orm_archive::check(&session.db).await?;
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

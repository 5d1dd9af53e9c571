//! `erase`: the personal data of a person.

use indicatif::ProgressBar;
use sea_orm_archive::{Certificate, erasure};
use serde_json::json;

use super::Session;
use crate::answer::Answer;
use crate::args::Erase;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query::table;

pub(super) async fn run(session: &Session, options: &Erase) -> Result<Answer, Failure> {
    table(&session.db, &options.table).await?;
    let mut erase = erasure::Entity::erase(&options.table, options.key.clone());
    if let Some(reason) = &options.reason {
        erase = erase.reason(reason.clone());
    }
    if let Some(actor) = &session.actor {
        erase = erase.by(actor.clone());
    }
    if options.preview || !session.yes {
        let preview = erase.clone().preview(&session.db).await?;
        if options.preview {
            let mut would = answer(&preview);
            would.text = format!("a preview, nothing was erased:\n{}", would.text);
            return Ok(would);
        }
        let question = format!(
            "Erase {} {}? It cannot be undone.",
            options.table,
            options.key.join(", ")
        );
        confirm(&preview.to_string(), &question, session.yes).await?;
    }
    let bar = ProgressBar::new_spinner();
    let mut batches = erase.in_batches(1_000);
    let mut certificate = None;
    while let Some(part) = batches.next(&session.db).await? {
        bar.set_message(part.erasure.state.clone());
        bar.tick();
        certificate = Some(part);
    }
    bar.finish_and_clear();
    match certificate {
        Some(certificate) => Ok(answer(&certificate)),
        None => Err(Failure::NotFound(format!(
            "{} {}",
            options.table,
            options.key.join(", ")
        ))),
    }
}

fn answer(certificate: &Certificate) -> Answer {
    Answer::new(
        certificate.to_string(),
        json!({"certificate": certificate, "is_complete": certificate.is_complete()}),
    )
    .with_code(u8::from(!certificate.is_complete()))
}

//! `undo`: what one request or transaction changed, changed back.

use serde_json::json;

use super::Session;
use crate::answer::Answer;
use crate::args::Undo;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query::require_log;
use crate::undo::{apply, plan, rehearse, steps_json};

pub(super) async fn run(session: &Session, options: &Undo) -> Result<Answer, Failure> {
    require_log(&session.db).await?;
    let mut steps = plan(&session.db, options.request.as_deref(), options.transaction).await?;
    rehearse(&session.db, &mut steps).await?;
    let conflicts = steps.iter().filter(|step| step.conflict.is_some()).count();
    let lines: Vec<_> = steps.iter().map(|step| step.line()).collect();
    let text = lines.join("\n");
    if steps.is_empty() {
        let what = match (&options.request, options.transaction) {
            (Some(request), _) => format!("request {request}"),
            (None, transaction) => format!("transaction {}", transaction.unwrap_or_default()),
        };
        return Ok(Answer::new(
            format!(
                "nothing to undo: the audit log has no change of {what}, or all of them are undone"
            ),
            json!({"steps": []}),
        ));
    } else if options.preview {
        return Ok(Answer::new(text, json!({"steps": steps_json(&steps)}))
            .with_code(u8::from(conflicts > 0)));
    } else if conflicts > 0 && !options.skip_conflicts {
        let text = format!(
            "{text}\n\nnothing was undone: {conflicts} conflict(s); --skip-conflicts undoes the others"
        );
        return Ok(
            Answer::new(text, json!({"steps": steps_json(&steps), "undone": 0})).with_code(1),
        );
    }
    confirm(
        &text,
        &format!("Undo {} change(s)?", steps.len() - conflicts),
        session.yes,
    )
    .await?;
    let undone = apply(&session.db, &steps, session.actor.as_deref()).await?;
    let text = format!("{undone} change(s) undone, {conflicts} left out");
    Ok(Answer::new(
        text,
        json!({"steps": steps_json(&steps), "undone": undone}),
    ))
}

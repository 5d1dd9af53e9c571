//! `restore`: an archival back, with the policies of a restore.

use sea_orm_archive::{RestoreArchival, RestorePreview, archival};
use serde_json::json;

use super::Session;
use super::show::archival_id;
use crate::answer::{Answer, counts, key};
use crate::args::Restore;
use crate::confirm::confirm;
use crate::failure::Failure;

pub(super) async fn run(session: &Session, options: &Restore) -> Result<Answer, Failure> {
    let id = archival_id(session, &options.target).await?;
    let restore = with_policies(archival::Entity::restore_by_id(id), options)?;
    let preview = restore.clone().preview(&session.db).await?;
    let plan = described(&preview);
    if options.preview || !preview.conflicts.is_empty() {
        let code = u8::from(!preview.conflicts.is_empty());
        return Ok(Answer::new(plan, json!({ "preview": preview })).with_code(code));
    }
    confirm(&plan, &format!("Restore archival {id}?"), session.yes).await?;
    let restore = match &session.actor {
        Some(actor) => restore.by(actor.clone()),
        None => restore,
    };
    let restored = restore.exec(&session.db).await?;
    let mut text = vec![format!(
        "archival {} restored: {}",
        restored.archival.id,
        counts(&restored.rows)
    )];
    for waiting in &restored.waiting {
        text.push(format!(
            "{} row(s) of {} stay archived until archival {} is restored",
            waiting.rows, waiting.table, waiting.archival
        ));
    }
    for stayed in &restored.stayed {
        text.push(format!(
            "stayed archived: {}",
            serde_json::to_value(stayed).unwrap_or_default()
        ));
    }
    Ok(Answer::new(
        text.join("\n"),
        json!({ "restored": restored }),
    ))
}

fn with_policies(
    mut restore: RestoreArchival,
    options: &Restore,
) -> Result<RestoreArchival, Failure> {
    for set in &options.set {
        let (column, value) = match set.split_once('=') {
            Some((column, value)) => (column, Some(value)),
            None => (set.as_str(), None),
        };
        let (table, column) = column_of(column)?;
        restore = restore.set_column(table, column, value);
    }
    for rename in &options.rename {
        let (table, column) = column_of(rename)?;
        restore = restore.rename_column(table, column, options.suffix.clone());
    }
    if options.skip_conflicting {
        restore = restore.skip_conflicting();
    }
    if options.with_parents {
        restore = restore.with_parents();
    }
    if options.as_new {
        restore = restore.as_new();
    }
    Ok(restore)
}

fn column_of(name: &str) -> Result<(&str, &str), Failure> {
    name.rsplit_once('.').ok_or_else(|| {
        Failure::Usage(format!(
            "{name} is not a column: write table.column, or schema.table.column"
        ))
    })
}

fn described(preview: &RestorePreview) -> String {
    let mut text = vec![format!(
        "archival {}: {}",
        preview.archival,
        counts(&preview.rows)
    )];
    for parent in &preview.parents {
        text.push(format!(
            "before it archival {}: {}",
            parent.archival,
            counts(&parent.rows)
        ));
    }
    for waiting in &preview.waiting {
        text.push(format!(
            "{} row(s) of {} stay archived until archival {} is restored",
            waiting.rows, waiting.table, waiting.archival
        ));
    }
    for change in &preview.changes {
        text.push(format!(
            "change: {}",
            serde_json::to_value(change).unwrap_or_default()
        ));
    }
    for stayed in &preview.stayed {
        text.push(format!(
            "stays archived: {}",
            serde_json::to_value(stayed).unwrap_or_default()
        ));
    }
    for link in &preview.not_relinked {
        text.push(format!(
            "a link of {} {} is not set again ({})",
            link.table,
            key(&link.key),
            link.constraint
        ));
    }
    for conflict in &preview.conflicts {
        text.push(format!("conflict: {conflict}"));
    }
    if !preview.conflicts.is_empty() {
        text.push("nothing was restored: see --set, --rename, --skip-conflicting, --with-parents and --as-new".to_owned());
    }
    text.join("\n")
}

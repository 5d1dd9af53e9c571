//! `restore`: an archival back, with the policies of a restore.

use sea_orm_archive::{RestoreArchival, RestorePreview, Stayed, archival};
use serde_json::{Value as Json, json};

use super::Session;
use super::show::archival_id;
use crate::answer::{Answer, counts, key, plain};
use crate::args::Restore;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query::located;

pub(super) async fn run(session: &Session, options: &Restore) -> Result<Answer, Failure> {
    let (id, restore) = target(session, options).await?;
    let restore = with_policies(restore, options)?;
    let preview = restore.clone().preview(&session.db).await?;
    let what = match options.part {
        // The preview rolls back the archival of the part.
        true => format!("a part of archival {id}"),
        false => format!("archival {id}"),
    };
    let mut plan = described(&what, &preview);
    if !preview.conflicts.is_empty() {
        plan.push_str(match options.part {
            true => "\nnothing was restored: see --set, --rename and --skip-conflicting, or restore the archival of its parent as a whole",
            false => "\nnothing was restored: see --set, --rename, --skip-conflicting, --with-parents and --as-new",
        });
    }
    if options.preview || !preview.conflicts.is_empty() {
        let code = u8::from(!preview.conflicts.is_empty());
        return Ok(Answer::new(plan, json!({ "preview": preview })).with_code(code));
    }
    confirm(&plan, &format!("Restore {what}?"), session.yes).await?;
    let restore = match &session.actor {
        Some(actor) => restore.by(actor.clone()),
        None => restore,
    };
    let restored = restore.exec(&session.db).await?;
    let what = match restored.archival.id {
        own if own != id => format!("{what} restored, as archival {own}"),
        _ => format!("{what} restored"),
    };
    let mut text = vec![format!("{what}: {}", counts(&restored.rows))];
    for waiting in &restored.waiting {
        text.push(format!(
            "{} row(s) of {} stay archived until archival {} is restored",
            waiting.rows, waiting.table, waiting.archival
        ));
    }
    for stayed in &restored.stayed {
        text.push(format!("stayed archived: {}", stays(stayed)));
    }
    Ok(Answer::new(
        text.join("\n"),
        json!({ "restored": restored }),
    ))
}

/// The archival that the arguments name, and its restore: of all its rows, or of a part.
async fn target(session: &Session, options: &Restore) -> Result<(i64, RestoreArchival), Failure> {
    if !options.part {
        let id = archival_id(session, &options.target).await?;
        return Ok((id, archival::Entity::restore_by_id(id)));
    }
    let (table, key) = match options.target.target.as_slice() {
        [table, key @ ..] if !key.is_empty() => (table, key),
        _ => {
            return Err(Failure::Usage(
                "--part restores one row: pass its table and its primary key".to_owned(),
            ));
        }
    };
    let row = located(&session.db, table, key).await?;
    let restore = archival::Entity::restore_by_id(row.archival);
    let restore = match row.is_root {
        true => restore,
        false => restore.as_part(&row.table, row.key),
    };
    Ok((row.archival, restore))
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

fn described(what: &str, preview: &RestorePreview) -> String {
    let mut text = vec![format!("would restore {what}: {}", counts(&preview.rows))];
    for parent in &preview.parents {
        text.push(format!(
            "would first restore archival {}: {}",
            parent.archival,
            counts(&parent.rows)
        ));
    }
    for waiting in &preview.waiting {
        text.push(format!(
            "{} row(s) of {} would stay archived until archival {} is restored",
            waiting.rows, waiting.table, waiting.archival
        ));
    }
    for change in &preview.changes {
        text.push(format!(
            "would change {} {}{}",
            change.table,
            key(&change.key),
            columns(&change.from, &change.to)
        ));
    }
    for stayed in &preview.stayed {
        text.push(format!("would stay archived: {}", stays(stayed)));
    }
    for link in &preview.not_relinked {
        text.push(format!(
            "a link of {} {} would not be set again ({})",
            link.table,
            key(&link.key),
            link.constraint
        ));
    }
    for conflict in &preview.conflicts {
        text.push(format!("conflict: {conflict}"));
    }
    text.join("\n")
}

/// A line for each changed column, as `undo` prints it.
fn columns(from: &Json, to: &Json) -> String {
    let changed = to.as_object().into_iter().flatten();
    let lines = changed.map(|(name, value)| {
        let before = from.get(name).map_or_else(String::new, plain);
        format!("\n    {name}: {before} -> {}", plain(value))
    });
    lines.collect()
}

/// `public.comments 4, with 2 public.comments: conflict`, and the archival that the rows have now.
fn stays(stayed: &Stayed) -> String {
    let conflicts: Vec<_> = stayed.conflicts.iter().map(ToString::to_string).collect();
    let archival = stayed
        .archival
        .map_or_else(String::new, |id| format!(" in archival {id}"));
    format!(
        "{} {}{archival} ({}), because {}",
        stayed.table,
        key(&stayed.key),
        counts(&stayed.rows),
        conflicts.join("; ")
    )
}

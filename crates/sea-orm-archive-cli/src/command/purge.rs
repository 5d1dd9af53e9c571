//! `purge`: what was archived, deleted for good.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use sea_orm::ColumnTrait;
use sea_orm_archive::{PurgeArchivals, PurgedMany, archival};
use serde_json::json;

use super::Session;
use crate::answer::{Answer, counts, table};
use crate::args::Purge;
use crate::confirm::confirm;
use crate::failure::Failure;
use crate::query;

pub(super) async fn run(session: &Session, options: &Purge) -> Result<Answer, Failure> {
    match options.expired {
        true => expired(session, options).await,
        false => archivals(session, options).await,
    }
}

async fn archivals(session: &Session, options: &Purge) -> Result<Answer, Failure> {
    let newest = newest(session).await?;
    let preview = selected(session, options, newest)
        .preview(&session.db)
        .await?;
    if preview.archivals == 0 && preview.held.is_empty() && !options.archivals.is_empty() {
        let ids: Vec<_> = options.archivals.iter().map(ToString::to_string).collect();
        return Err(Failure::NotFound(format!(
            "archived archival {}: they were restored or purged before, do not exist, or belong to a table that this role may not read",
            ids.join(", ")
        )));
    }
    let plan = format!("would purge: {}", described(&preview));
    if options.preview || preview.archivals == 0 {
        return Ok(Answer::new(plan, json!({ "preview": preview })));
    }
    let question = format!("Delete {} archival(s) for good?", preview.archivals);
    confirm(&plan, &question, session.yes).await?;
    let bar = ProgressBar::new(preview.archivals);
    let mut purged = PurgedMany::default();
    let mut batches = selected(session, options, newest).in_batches(options.batch.into());
    while let Some(batch) = batches.next(&session.db).await? {
        bar.inc(batch.archivals);
        purged.archivals += batch.archivals;
        add(&mut purged.rows, batch.rows);
        purged.held.extend(batch.held);
    }
    bar.finish_and_clear();
    Ok(Answer::new(
        format!("purged: {}", described(&purged)),
        json!({ "purged": purged }),
    ))
}

/// The id of the newest archival.
///
/// Race: something is archived while the question is open. It has a greater id, and is not among what the answer was about.
async fn newest(session: &Session) -> Result<i64, Failure> {
    let sql = "SELECT pg_catalog.to_jsonb(pg_catalog.max(a.id)) FROM archive.archival AS a";
    let newest = query::json(&session.db, sql, Vec::new()).await?;
    Ok(newest.and_then(|id| id.as_i64()).unwrap_or_default())
}

/// What the options select of the archivals up to this one.
fn selected(session: &Session, options: &Purge, newest: i64) -> PurgeArchivals {
    let mut purge = archival::Entity::purge_many().filter(archival::Column::Id.lte(newest));
    if !options.archivals.is_empty() {
        purge = purge.filter(archival::Column::Id.is_in(options.archivals.iter().copied()));
    }
    if let Some(days) = options.older_than {
        purge = purge.older_than(Duration::from_secs(u64::from(days) * 86_400));
    }
    if let Some(actor) = &session.actor {
        purge = purge.by(actor.clone());
    }
    if let Some(policy) = &options.policy {
        purge = purge.policy(policy.clone());
    }
    if options.skip_held {
        purge = purge.skip_held();
    }
    purge
}

async fn expired(session: &Session, options: &Purge) -> Result<Answer, Failure> {
    let policies = archival::Entity::purge_expired()
        .preview(&session.db)
        .await?;
    let plan = table(
        ["policy", "table", "expired", "oldest"],
        policies.iter().map(|p| {
            [
                p.policy.clone(),
                p.table.clone(),
                p.expired.to_string(),
                p.oldest.to_string(),
            ]
        }),
    );
    if options.preview || policies.is_empty() {
        let text = if policies.is_empty() {
            "nothing has expired".to_owned()
        } else {
            plan
        };
        return Ok(Answer::new(text, json!({ "expired": policies })));
    }
    confirm(&plan, "Delete what has expired for good?", session.yes).await?;
    let purged = purge_expired(session, options.batch).await?;
    Ok(Answer::new(
        format!(
            "purged: {} archival(s), {}",
            purged.archivals,
            counts(&purged.rows)
        ),
        json!({ "purged": purged }),
    ))
}

/// Purges what has expired in batches, with a bar on a terminal.
pub(super) async fn purge_expired(
    session: &Session,
    batch: u32,
) -> Result<sea_orm_archive::PurgedExpired, Failure> {
    let bar = ProgressBar::new_spinner();
    let mut purge = archival::Entity::purge_expired();
    if let Some(actor) = &session.actor {
        purge = purge.by(actor.clone());
    }
    let mut all = sea_orm_archive::PurgedExpired::default();
    let mut batches = purge.in_batches(batch);
    while let Some(part) = batches.next(&session.db).await? {
        bar.inc(part.archivals);
        all.archivals += part.archivals;
        all.versions += part.versions;
        all.records += part.records;
        all.audit_before = part.audit_before.or(all.audit_before);
        add(&mut all.rows, part.rows);
        all.not_allowed = part.not_allowed;
    }
    bar.finish_and_clear();
    Ok(all)
}

fn add(all: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (table, rows) in more {
        *all.entry(table).or_default() += rows;
    }
}

fn described(purged: &PurgedMany) -> String {
    let mut text = vec![format!(
        "{} archival(s), {}",
        purged.archivals,
        counts(&purged.rows)
    )];
    for (archival, holds) in &purged.held {
        let holds: Vec<_> = holds.iter().map(ToString::to_string).collect();
        text.push(format!(
            "left out: archival {archival}, which is under hold {}",
            holds.join(", ")
        ));
    }
    text.join("\n")
}

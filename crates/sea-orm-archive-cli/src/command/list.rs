//! `list`: archivals by table, actor, reason and time.

use serde_json::{Value as Json, json};

use super::Session;
use crate::answer::{Answer, key, plain, table};
use crate::args::{Filter, State};
use crate::failure::Failure;
use crate::query::{registered, rows};

const ARCHIVALS: &str = "
    SELECT a.id, a.root_table, a.root_key, a.archived_at, a.archived_by, a.reason, a.metadata, a.row_counts, a.restored_at, a.restored_by,
           a.purged_at, a.purged_by, a.purge_policy, a.tenant, a.part_of, a.holds
    FROM archive.archival AS a
    WHERE ($1::text IS NULL OR a.root_table = $1 OR pg_catalog.split_part(a.root_table, '.', 2) = $1)
      AND ($2::text IS NULL OR a.archived_by = $2) AND ($3::text IS NULL OR pg_catalog.strpos(pg_catalog.lower(a.reason), pg_catalog.lower($3)) > 0)
      AND ($4::text IS NULL OR a.archived_at >= $4::timestamptz) AND ($5::text IS NULL OR a.archived_at < $5::timestamptz)
      AND CASE $6 WHEN 'archived' THEN a.restored_at IS NULL AND a.purged_at IS NULL WHEN 'restored' THEN a.restored_at IS NOT NULL
                  WHEN 'purged' THEN a.purged_at IS NOT NULL ELSE true END
      AND ($7::bigint IS NULL OR a.id < $7)
    ORDER BY a.id DESC LIMIT $8";

pub(super) async fn run(session: &Session, filter: &Filter) -> Result<Answer, Failure> {
    let state = match filter.state {
        State::Archived => "archived",
        State::Restored => "restored",
        State::Purged => "purged",
        State::All => "all",
    };
    let values = vec![
        filter.table.clone().into(),
        filter.by.clone().into(),
        filter.reason.clone().into(),
        filter.since.clone().into(),
        filter.until.clone().into(),
        state.into(),
        filter.before.into(),
        i64::from(filter.limit).into(),
    ];
    let archivals = rows(&session.db, ARCHIVALS, values).await?;
    if let (None, Some(table)) = (archivals.last(), &filter.table) {
        require_known(session, table).await?;
    }
    let text = match archivals.last() {
        None => "no archivals".to_owned(),
        Some(last) if archivals.len() as u64 == u64::from(filter.limit) => {
            format!(
                "{}\n\nthe next page: --before {}",
                listed(&archivals),
                last["id"]
            )
        }
        Some(_) => listed(&archivals),
    };
    Ok(Answer::new(text, json!({ "archivals": archivals })))
}

/// Fails for a table that has no archive table and no archivals from a time when it had one.
async fn require_known(session: &Session, table: &str) -> Result<(), Failure> {
    let known = "SELECT 1 FROM archive.archival AS a WHERE a.root_table = $1 OR pg_catalog.split_part(a.root_table, '.', 2) = $1 LIMIT 1";
    match rows(&session.db, known, vec![table.into()])
        .await?
        .is_empty()
    {
        true => registered(&session.db, table).await.map(drop),
        false => Ok(()),
    }
}

/// Archivals as lines.
pub(super) fn listed(archivals: &[Json]) -> String {
    table(
        [
            "id",
            "table",
            "key",
            "archived at",
            "by",
            "rows",
            "state",
            "reason",
        ],
        archivals.iter().map(|archival| {
            let text = |name: &str| match &archival[name] {
                Json::Null => String::new(),
                value => plain(value),
            };
            [
                text("id"),
                text("root_table"),
                key(&archival["root_key"]),
                time(&archival["archived_at"]),
                text("archived_by"),
                total(&archival["row_counts"]).to_string(),
                state(archival),
                text("reason"),
            ]
        }),
    )
}

/// A time without fractions of a second.
pub(super) fn time(value: &Json) -> String {
    let text = plain(value).replace('T', " ");
    let text = text
        .strip_suffix('Z')
        .map_or(text.clone(), |utc| format!("{utc}+00:00"));
    match text.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{seconds}{zone}")
        }
        None => text,
    }
}

fn total(counts: &Json) -> u64 {
    let counts = counts.as_object().into_iter().flatten();
    counts.filter_map(|(_, rows)| rows.as_u64()).sum()
}

fn state(archival: &Json) -> String {
    if archival["purged_at"].is_string() {
        "purged".to_owned()
    } else if archival["restored_at"].is_string() {
        "restored".to_owned()
    } else if archival["holds"].as_i64().unwrap_or_default() > 0 {
        "held".to_owned()
    } else {
        "archived".to_owned()
    }
}

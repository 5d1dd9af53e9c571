//! `maintain`: what cron calls.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use super::Session;
use super::purge::purge_expired;
use crate::answer::{Answer, counts};
use crate::args::Maintain;
use crate::failure::Failure;

pub(super) async fn run(session: &Session, options: &Maintain) -> Result<Answer, Failure> {
    let ahead = options.ahead;
    let archive = created(
        session,
        &format!("SELECT archive.make_archive_partitions({ahead})"),
    )
    .await?;
    let has_log = created(session, "SELECT (pg_catalog.to_regprocedure('archive.make_audit_partitions(integer)') IS NOT NULL)::int").await? > 0;
    let audit = match has_log {
        true => {
            created(
                session,
                &format!("SELECT archive.make_audit_partitions({ahead})"),
            )
            .await?
        }
        false => 0,
    };
    let purged = match options.keep_expired {
        true => sea_orm_archive::PurgedExpired::default(),
        false => purge_expired(session, 1_000).await?,
    };
    let mut text = Vec::new();
    if archive + audit > 0 {
        text.push(format!(
            "created {archive} partition(s) of archive tables and {audit} of the audit log"
        ));
    }
    if purged.archivals > 0 {
        text.push(format!(
            "purged {} archival(s): {}",
            purged.archivals,
            counts(&purged.rows)
        ));
    }
    if purged.versions + purged.records > 0 {
        text.push(format!(
            "deleted {} version(s) of histories and {} record(s) of archivals",
            purged.versions, purged.records
        ));
    }
    if let Some(month) = purged.audit_before {
        text.push(format!("dropped the audit log before {month}"));
    }
    if !purged.not_allowed.is_empty() {
        text.push(format!(
            "expired and not purged, because of a hold, of hooks, or of missing rights: {}",
            purged.not_allowed.join(", ")
        ));
    }
    let partitions = json!({"archive_tables": archive, "audit_log": audit});
    let answer = Answer::new(
        text.join("\n"),
        json!({"created_partitions": partitions, "purged": purged}),
    );
    Ok(answer.with_code(if purged.not_allowed.is_empty() { 0 } else { 5 }))
}

async fn created(session: &Session, sql: &str) -> Result<i32, Failure> {
    let row = session
        .db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    Ok(row
        .and_then(|row| row.try_get_by_index(0).ok())
        .unwrap_or_default())
}

//! `doctor`: what may cause trouble, beyond what differs from the migrations.

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use super::Session;
use crate::answer::{Answer, plain, table};
use crate::failure::Failure;
use crate::query::rows;

/// Each query returns what is inspected, what was found, and whether it is all right.
const CHECKS: [&str; 6] = [
    "SELECT 'server' AS what, pg_catalog.concat('PostgreSQL ', pg_catalog.current_setting('server_version'), ', schema version ', archive.schema_version()) AS found,
            pg_catalog.current_setting('server_version_num')::int >= 150000 AS fine",
    "SELECT 'role' AS what, pg_catalog.concat(current_user, ': ', pg_catalog.count(*) FILTER (WHERE archive.may_move(current_user, r.active, r.archive_table, false)), ' of ',
            pg_catalog.count(*), ' tables may be archived, ', pg_catalog.count(*) FILTER (WHERE archive.may_move(current_user, r.active, r.archive_table, true)), ' restored') AS found, true AS fine
     FROM archive.archived_table AS r",
    "SELECT 'isolation' AS what, pg_catalog.concat('default_transaction_isolation = ', pg_catalog.current_setting('default_transaction_isolation')) AS found,
            pg_catalog.current_setting('default_transaction_isolation') = 'read committed' AS fine",
    "SELECT 'session_replication_role' AS what, pg_catalog.current_setting('session_replication_role') AS found, pg_catalog.current_setting('session_replication_role') = 'origin' AS fine",
    "SELECT 'archive partitions' AS what, pg_catalog.concat(r.archive_table::text, ': room for ', coalesce(pg_catalog.max(p.until), 0) - s.last_value, ' archivals') AS found,
            coalesce(pg_catalog.max(p.until), 0) > s.last_value + r.archivals_per_partition AS fine
     FROM archive.archived_table AS r CROSS JOIN archive.archival_id_seq AS s LEFT JOIN archive.archive_partitions() AS p ON p.active = r.active
     WHERE r.archivals_per_partition IS NOT NULL GROUP BY r.archive_table, r.archivals_per_partition, s.last_value",
    "SELECT 'long transactions' AS what, pg_catalog.concat('process ', a.pid, ' of ', a.usename, ' is open since ', a.xact_start) AS found, false AS fine
     FROM pg_catalog.pg_stat_activity AS a WHERE a.datname = pg_catalog.current_database() AND a.xact_start < pg_catalog.now() - interval '10 minutes'",
];

const AUDIT: &str = "
    SELECT 'audit partitions' AS what, pg_catalog.concat('months ahead: ', pg_catalog.count(*)) AS found, pg_catalog.count(*) > 0 AS fine
    FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = pg_catalog.to_regclass('archive.audit_entry') AND c.relname > pg_catalog.concat('audit_entry_', pg_catalog.to_char(pg_catalog.now(), 'YYYY_MM'))
      AND c.relname <> 'audit_entry_default'";

/// For each identity column of the schema, whether its sequence is behind.
const SEQUENCES: &str = "
    SELECT c.relname AS name, pg_catalog.quote_ident(a.attname) AS column, pg_catalog.pg_get_serial_sequence(c.oid::pg_catalog.regclass::text, a.attname) AS sequence
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attidentity <> ''
    WHERE c.relnamespace = 'archive'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname";

pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let mut lines = Vec::new();
    let findings = sea_orm_archive::check(&session.db).await?;
    lines.push((
        "migrations".to_owned(),
        match findings.len() {
            0 => "`check` finds nothing".to_owned(),
            found => format!("{found} finding(s): `check` prints them"),
        },
        findings.is_empty(),
    ));
    let has_log = rows(
        &session.db,
        "SELECT 1 WHERE pg_catalog.to_regclass('archive.audit_entry') IS NOT NULL",
        Vec::new(),
    )
    .await?;
    let audit = (!has_log.is_empty()).then_some(AUDIT);
    for check in CHECKS.into_iter().chain(audit) {
        for row in rows(&session.db, check, Vec::new()).await? {
            lines.push((
                plain(&row["what"]),
                plain(&row["found"]),
                row["fine"] == true,
            ));
        }
    }
    lines.extend(behind(session).await?);
    let failed = lines.iter().filter(|(_, _, fine)| !fine).count();
    let text = table(
        ["", "what", "found"],
        lines.iter().map(|(what, found, fine)| {
            [
                if *fine { "ok" } else { "!!" }.to_owned(),
                what.clone(),
                found.clone(),
            ]
        }),
    );
    let json: Vec<_> = lines
        .iter()
        .map(|(what, found, fine)| json!({"what": what, "found": found, "ok": fine}))
        .collect();
    Ok(Answer::new(text, json!({ "checks": json })).with_code(u8::from(failed > 0)))
}

/// The sequences that would return an id that is taken.
async fn behind(session: &Session) -> Result<Vec<(String, String, bool)>, Failure> {
    let mut lines = Vec::new();
    for identity in rows(&session.db, SEQUENCES, Vec::new()).await? {
        let (name, column, sequence) = (
            plain(&identity["name"]),
            plain(&identity["column"]),
            plain(&identity["sequence"]),
        );
        let sql = format!(
            "SELECT coalesce((SELECT pg_catalog.max({column}) FROM archive.{name}) >= s.last_value + s.is_called::int, false) FROM {sequence} AS s"
        );
        let row = session
            .db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await;
        // A role without the right to read a sequence gets no line for it.
        if let Ok(Some(row)) = row
            && row.try_get_by_index::<bool>(0)?
        {
            lines.push((
                "sequence".to_owned(),
                format!("that of archive.{name} is behind: call manager.reset_archive_sequences()"),
                false,
            ));
        }
    }
    Ok(lines)
}

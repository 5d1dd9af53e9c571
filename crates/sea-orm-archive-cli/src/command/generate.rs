//! `generate`: a migration that fixes what `check` finds.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use sea_orm_archive::Finding;
use serde_json::{Value as Json, json};

use super::Session;
use crate::answer::{Answer, plain};
use crate::args::Generate;
use crate::failure::Failure;
use crate::generate::{Answer as Remedy, Call, answer, argument, hints, migration, write};
use crate::query;

pub(super) async fn run(session: &Session, options: &Generate) -> Result<Answer, Failure> {
    if !options.entity.is_empty() {
        let hints = hints(&session.db, &options.entity).await?;
        return Ok(Answer::new(hints.join("\n\n"), json!({"entities": hints})));
    }
    check_name(&options.name)?;
    let findings = sea_orm_archive::check(&session.db).await?;
    let (mut calls, by_hand) = remedies(session, &findings).await?;
    calls.extend(added(session, options).await?);
    let code = u8::from(!by_hand.is_empty());
    let (mut text, by_hand) = for_a_person(&by_hand);
    let hints = hints(&session.db, &options.archive).await?;
    if calls.is_empty() {
        text.push_str(if by_hand.is_empty() {
            "nothing differs from what the migrations registered"
        } else {
            "no migration is generated"
        });
        return Ok(
            Answer::new(text, json!({"migration": null, "by_hand": by_hand})).with_code(code),
        );
    }
    let calls: Vec<_> = calls.into_iter().collect();
    let source = migration(&calls);
    if options.print {
        return Ok(Answer::new(
            format!("{text}{source}"),
            json!({"source": source, "by_hand": by_hand, "entities": hints}),
        )
        .with_code(code));
    }
    let name = format!("m{}_{}", today(session).await?, options.name);
    let path = write(Path::new(&options.directory), &name, &source)?;
    let _ = write!(
        text,
        "{path} is written, and added to the Migrator in lib.rs: read it, and run `sea-orm-cli migrate`"
    );
    for hint in &hints {
        let _ = write!(text, "\n\n{hint}");
    }
    Ok(Answer::new(
        text,
        json!({"migration": path, "source": source, "by_hand": by_hand, "entities": hints}),
    )
    .with_code(code))
}

/// The calls that correct what was found, and what is left to a person, with the reason.
async fn remedies<'a>(
    session: &Session,
    findings: &'a [Finding],
) -> Result<(BTreeSet<Call>, Vec<(&'a Finding, &'static str)>), Failure> {
    let mut calls = BTreeSet::new();
    let (mut by_hand, mut again) = (Vec::new(), Vec::new());
    for finding in findings {
        match answer(&session.db, finding).await? {
            Remedy::Calls(found) => calls.extend(found),
            Remedy::Again(found) => again.push((finding, found)),
            Remedy::Person(why) => by_hand.push((finding, why)),
        }
    }
    // Where a column was renamed, the call for what is registered would add it again.
    for (finding, found) in again {
        for (table, call) in found {
            match by_hand.iter().any(|(other, _)| other.object == table) {
                true => by_hand.push((
                    finding,
                    "its table needs what is to be fixed yourself first",
                )),
                false => drop(calls.insert(call)),
            }
        }
    }
    Ok((calls, by_hand))
}

/// What no call corrects, as text and as JSON.
fn for_a_person(findings: &[(&Finding, &str)]) -> (String, Vec<Json>) {
    let mut text = String::new();
    let mut list = Vec::new();
    for (finding, why) in findings {
        let _ = writeln!(
            text,
            "to fix yourself: {finding}\n    no call is generated: {why}"
        );
        list.push(json!({"object": finding.object, "problem": finding.problem, "remedy": finding.remedy, "why": why}));
    }
    (text, list)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_part_of_name) {
        return Err(Failure::Usage(format!(
            "{name:?} is no name of a migration: use letters, digits and underscores"
        )));
    }
    Ok(())
}

/// The calls that the options name.
async fn added(session: &Session, options: &Generate) -> Result<Vec<Call>, Failure> {
    for table in options.archive.iter().chain(&options.audit) {
        query::table(&session.db, table).await?;
    }
    let mut calls = Vec::new();
    for table in &options.archive {
        let call = Call::on("archive_existing_table", table);
        calls.push(call.undone("unarchive_existing_table", [argument(table)]));
    }
    for table in &options.audit {
        let call = Call::on("audit_table", table);
        calls.push(call.undone("unaudit_table", [argument(table)]));
    }
    if !options.audit.is_empty() && !query::has(&session.db, "audit_entry").await? {
        let install = Call::plain("install_audit");
        calls.push(install.undone("uninstall_audit", Vec::<String>::new()));
    }
    Ok(calls)
}

/// `20261126_140312`, as sea-orm-cli names migrations.
async fn today(session: &Session) -> Result<String, Failure> {
    let sql = "SELECT pg_catalog.to_jsonb(pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS'))";
    Ok(query::json(&session.db, sql, Vec::new())
        .await?
        .as_ref()
        .map(plain)
        .unwrap_or_default())
}

//! `generate`: a migration that fixes what `check` finds.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sea_orm_archive::Finding;
use serde_json::json;

use super::Session;
use crate::answer::{Answer, plain};
use crate::args::Generate;
use crate::failure::Failure;
use crate::query;

/// A call of a migration, and its reverse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    up: String,
    down: Option<String>,
    /// The trait that has the method.
    schema: &'static str,
}

impl Call {
    fn on(schema: &'static str, method: &str, down: Option<&str>, table: &str) -> Self {
        let table = argument(table);
        Self {
            up: format!("{method}({table})"),
            down: down.map(|down| format!("{down}({table})")),
            schema,
        }
    }
}

pub(super) async fn run(session: &Session, options: &Generate) -> Result<Answer, Failure> {
    let is_part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if options.name.is_empty() || !options.name.chars().all(is_part_of_name) {
        return Err(Failure::Usage(format!(
            "{:?} is no name of a migration: use letters, digits and underscores",
            options.name
        )));
    }
    let findings = sea_orm_archive::check(&session.db).await?;
    let mut calls = BTreeSet::new();
    let mut by_hand = Vec::new();
    for finding in &findings {
        match call_of(finding) {
            Some(call) => drop(calls.insert(call)),
            None => by_hand.push(finding),
        }
    }
    for table in options.archive.iter().chain(&options.audit) {
        query::table(&session.db, table).await?;
    }
    for table in &options.archive {
        calls.insert(Call::on(
            "ArchiveSchema",
            "archive_existing_table",
            Some("unarchive_existing_table"),
            table,
        ));
    }
    for table in &options.audit {
        calls.insert(Call::on(
            "AuditSchema",
            "audit_table",
            Some("unaudit_table"),
            table,
        ));
    }
    let mut text = String::new();
    for finding in &by_hand {
        let _ = writeln!(text, "to fix yourself: {finding}");
    }
    let code = u8::from(!by_hand.is_empty());
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
    let mut calls: Vec<_> = calls.into_iter().collect();
    if !options.audit.is_empty() && !query::has(&session.db, "audit_entry").await? {
        calls.insert(0, install_audit());
    }
    let source = migration(&calls);
    if options.print {
        return Ok(Answer::new(
            format!("{text}{source}"),
            json!({"source": source, "by_hand": by_hand}),
        )
        .with_code(code));
    }
    let name = format!("m{}_{}", today(session).await?, options.name);
    let path = write(Path::new(&options.directory), &name, &source)?;
    let _ = write!(
        text,
        "{path} is written, and added to the Migrator in lib.rs: read it, and run `sea-orm-cli migrate`"
    );
    Ok(Answer::new(
        text,
        json!({"migration": path, "source": source, "by_hand": by_hand}),
    )
    .with_code(code))
}

/// The first call of a database without an audit log.
fn install_audit() -> Call {
    Call {
        up: "install_audit()".to_owned(),
        down: Some("uninstall_audit()".to_owned()),
        schema: "AuditSchema",
    }
}

/// The call that a finding names, where the finding names its arguments too.
fn call_of(finding: &Finding) -> Option<Call> {
    let remedy = &finding.remedy;
    let plain = |up: &str, schema| Call {
        up: up.to_owned(),
        down: None,
        schema,
    };
    if let Some((_, rest)) = remedy.split_once("manager.sync_archived_table(\"") {
        // The name is a string as Rust and JSON write it.
        let (name, _) = rest.split_once("\")")?;
        let name: String = serde_json::from_str(&format!("\"{name}\"")).ok()?;
        let (schema, _) = finding.object.split_once('.').unwrap_or(("public", ""));
        let table = if schema == "public" {
            name
        } else {
            format!("{schema}.{name}")
        };
        return Some(Call::on(
            "ArchiveSchema",
            "sync_archived_table",
            None,
            &table,
        ));
    }
    // The remedy is this one call, and not a choice.
    match remedy
        .trim_start_matches("call ")
        .trim_end_matches(" in a migration")
        .trim_end_matches(" again")
    {
        "manager.install_archive()" => Some(plain("install_archive()", "ArchiveSchema")),
        "manager.install_audit()" => Some(plain("install_audit()", "AuditSchema")),
        _ => None,
    }
}

/// A table as an argument: `"posts"`, or `("shop", "orders")`.
fn argument(table: &str) -> String {
    match table.split_once('.') {
        Some((schema, table)) if schema != "public" => format!("({schema:?}, {table:?})"),
        Some((_, table)) => format!("{table:?}"),
        None => format!("{table:?}"),
    }
}

/// The source of the migration, as rustfmt formats it.
fn migration(calls: &[Call]) -> String {
    let schemas: BTreeSet<_> = calls.iter().map(|call| call.schema).collect();
    let schemas: Vec<_> = schemas.into_iter().collect();
    let imported = match schemas.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("{{{}}}", several.join(", ")),
    };
    let block = |calls: Vec<&String>| {
        let mut lines = String::new();
        for (place, call) in calls.iter().enumerate() {
            let is_last = place + 1 == calls.len();
            let end = if is_last { ".await" } else { ".await?;" };
            let _ = writeln!(lines, "        manager.{call}{end}");
        }
        if calls.is_empty() {
            lines.push_str("        // Nothing was added that the tables did not need before.\n        Ok(())\n");
        }
        lines
    };
    let up = block(calls.iter().map(|call| &call.up).collect());
    let downs: Vec<_> = calls
        .iter()
        .rev()
        .filter_map(|call| call.down.as_ref())
        .collect();
    let argument = if downs.is_empty() {
        "_manager"
    } else {
        "manager"
    };
    let down = block(downs);
    format!(
        "use sea_orm_archive_migration::{imported};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {{
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {{
{up}    }}

    async fn down(&self, {argument}: &SchemaManager) -> Result<(), DbErr> {{
{down}    }}
}}
"
    )
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

/// Writes the migration, and adds it to the `Migrator` in `lib.rs`, as sea-orm-cli does.
fn write(directory: &Path, name: &str, source: &str) -> Result<String, Failure> {
    let unwritable =
        |path: &Path, error: std::io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let library = directory.join("lib.rs");
    let text = fs::read_to_string(&library).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}: name the folder of the migrations with --directory, or print the migration with --print",
            library.display()
        ))
    })?;
    let Some(added) = added(&text, name) else {
        return Err(Failure::Usage(format!(
            "{} has no list of migrations as sea-orm-cli writes it (`mod m..;` and `Box::new(m..::Migration),`): use --print, and add the migration yourself",
            library.display()
        )));
    };
    let path = directory.join(format!("{name}.rs"));
    fs::write(&path, source).map_err(|error| unwritable(&path, error))?;
    // A full disk, or the end of the process, leaves lib.rs as it was.
    let whole = directory.join("lib.rs.new");
    fs::write(&whole, added).map_err(|error| unwritable(&whole, error))?;
    fs::rename(&whole, &library).map_err(|error| unwritable(&library, error))?;
    Ok(path.display().to_string())
}

/// `lib.rs` with one more migration, after the last one.
fn added(library: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = library.lines().collect();
    let last = |is: &dyn Fn(&str) -> bool| lines.iter().rposition(|line| is(line.trim()));
    let module = last(&|line| line.starts_with("mod m") && line.ends_with(';'))?;
    let entry = last(&|line| line.starts_with("Box::new(m") && line.ends_with("::Migration),"))?;
    let mut added = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        added.push((*line).to_owned());
        if place == module {
            added.push(format!("mod {name};"));
        } else if place == entry {
            let indent = &line[..line.len() - line.trim_start().len()];
            added.push(format!("{indent}Box::new({name}::Migration),"));
        }
    }
    Some(format!("{}\n", added.join("\n")))
}

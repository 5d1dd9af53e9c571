//! The constraints of a history table.

use sea_orm_archive_postgres::catalog::{OnDelete, Table};
use sea_orm_archive_postgres::schema;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    archive_table::index,
    history::model::History,
    name::{derived, quote, quote_all},
    work::{Work, database_message},
};

/// A copy of the history without rows, to read how PostgreSQL writes each constraint.
const PATTERN: &str = "archive.\"history pattern\"";

/// A constraint or index that a history must have.
struct Requirement {
    name: String,
    kind: Kind,
    /// The rule that it enforces, for an error.
    rule: &'static str,
    /// The accepted definitions. The first is the one that is added.
    accepted: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Constraint,
    /// A unique index, with or without a constraint.
    Unique,
    /// A unique index with a condition, which no constraint can have.
    PartialUnique,
}

/// Adds the constraints that the history lacks.
pub(crate) async fn add_missing(work: &Work, history: &History) -> Result<(), DbErr> {
    let table = work.existing_table(&history.id.sql()).await?;
    refer_to_identity(work, history, &table).await?;
    let requirements = requirements(history);
    let patterns = patterns(work, history, &requirements).await?;
    let present = definitions(work, &history.id.sql()).await?;
    for (requirement, patterns) in requirements.iter().zip(patterns) {
        let met = present
            .iter()
            .any(|(_, definition)| patterns.contains(definition));
        if !met {
            add(work, history, requirement).await?;
        }
    }
    create_known_index(work, history).await
}

/// The index for reads of a bitemporal history as of a transaction time. They include corrected versions, which the unique
/// indexes exclude.
async fn create_known_index(work: &Work, history: &History) -> Result<(), DbErr> {
    if history.recorded.is_none() {
        return Ok(());
    }
    let mut columns = history.identity_names();
    columns.push(history.valid_from.clone());
    if index::exists(work, history.id.oid, &columns).await? {
        return Ok(());
    }
    work.run(&format!(
        "CREATE INDEX {} ON {} ({})",
        quote(&derived(&history.id.table, "_known_idx")),
        history.id.sql(),
        quote_all(columns.iter().map(String::as_str))
    ))
    .await
}

fn requirements(history: &History) -> Vec<Requirement> {
    let (from, to) = (quote(&history.valid_from), quote(&history.valid_to));
    let table = &history.id.table;
    let check = |suffix: &str, rule, accepted: Vec<String>| Requirement {
        name: derived(table, suffix),
        kind: Kind::Constraint,
        rule,
        accepted,
    };
    let mut all = vec![
        check(
            "_period_check",
            "a version ends after it starts",
            after(&to, &from),
        ),
        check(
            "_finite_check",
            "the time of a version is finite, and NULL where it has no end",
            vec![format!(
                "CHECK (pg_catalog.isfinite({from}) AND pg_catalog.isfinite({to}))"
            )],
        ),
    ];
    if let Some((recorded_from, recorded_to)) = &history.recorded {
        all.push(check(
            "_recorded_check",
            "a version is replaced after it was recorded",
            after(&quote(recorded_to), &quote(recorded_from)),
        ));
    }
    all.extend([start(history), current(history), exclusion(history)]);
    all
}

/// Its B-tree also finds the version at a time, which is the last one that starts before it, so no other index is created
/// for that.
fn start(history: &History) -> Requirement {
    let columns = format!("({}, {})", identity(history), quote(&history.valid_from));
    let not_corrected = not_corrected(history).map(|condition| format!(" WHERE {condition}"));
    Requirement {
        name: derived(&history.id.table, "_version_key"),
        kind: match not_corrected {
            Some(_) => Kind::PartialUnique,
            None => Kind::Unique,
        },
        rule: "no two versions of one identity start at the same time",
        accepted: vec![columns + &not_corrected.unwrap_or_default()],
    }
}

fn current(history: &History) -> Requirement {
    let open = format!("{} IS NULL", quote(&history.valid_to));
    let conditions = match not_corrected(history) {
        None => vec![open],
        Some(not_corrected) => vec![
            format!("{open} AND {not_corrected}"),
            format!("{not_corrected} AND {open}"),
        ],
    };
    Requirement {
        name: derived(&history.id.table, "_current_key"),
        kind: Kind::PartialUnique,
        rule: "an identity has at most one version without an end",
        accepted: conditions
            .iter()
            .map(|condition| format!("({}) WHERE {condition}", identity(history)))
            .collect(),
    }
}

fn exclusion(history: &History) -> Requirement {
    let (from, to) = (quote(&history.valid_from), quote(&history.valid_to));
    let identity: String = history
        .columns
        .iter()
        .map(|column| format!("{} WITH {}, ", quote(&column.name), column.equals))
        .collect();
    let infinity = format!("'infinity'::pg_catalog.{}", history.time.column_type());
    let not_corrected = not_corrected(history).map(|condition| format!(" WHERE ({condition})"));
    let not_corrected = not_corrected.unwrap_or_default();
    let periods = [
        format!("{from}, coalesce({to}, {infinity}), '[)'"),
        format!("{from}, coalesce({to}, {infinity})"),
        format!("{from}, {to}, '[)'"),
        format!("{from}, {to}"),
    ];
    let range = history.time.range();
    Requirement {
        name: derived(&history.id.table, "_period_excl"),
        kind: Kind::Constraint,
        rule: "no two versions of one identity are valid at the same time",
        accepted: periods
            .iter()
            .map(|period| {
                format!(
                    "EXCLUDE USING gist ({identity}pg_catalog.{range}({period}) WITH &&){not_corrected}"
                )
            })
            .collect(),
    }
}

/// The ways to write that one time is after another. A check that evaluates to NULL passes.
fn after(later: &str, earlier: &str) -> Vec<String> {
    vec![
        format!("CHECK ({later} > {earlier})"),
        format!("CHECK ({later} IS NULL OR {later} > {earlier})"),
        format!("CHECK ({earlier} < {later})"),
        format!("CHECK ({later} IS NULL OR {earlier} < {later})"),
    ]
}

fn identity(history: &History) -> String {
    quote_all(history.columns.iter().map(|column| column.name.as_str()))
}

/// The condition that a version has not been corrected, in a bitemporal history.
fn not_corrected(history: &History) -> Option<String> {
    let (_, to) = history.recorded.as_ref()?;
    Some(format!("{} IS NULL", quote(to)))
}

fn statement(requirement: &Requirement, table: &str, name: &str, definition: &str) -> String {
    match requirement.kind {
        Kind::Constraint => {
            format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        }
        Kind::Unique => format!("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE {definition}"),
        Kind::PartialUnique => format!("CREATE UNIQUE INDEX {name} ON {table} {definition}"),
    }
}

async fn add(work: &Work, history: &History, requirement: &Requirement) -> Result<(), DbErr> {
    let Some(definition) = requirement.accepted.first() else {
        return Ok(());
    };
    let name = quote(&requirement.name);
    work.run(&statement(
        requirement,
        &history.id.sql(),
        &name,
        definition,
    ))
    .await
    .map_err(|error| {
        DbErr::Migration(format!(
            "{} cannot be a history: {} ({}), and the database reports: {}; correct the rows and migrate again",
            history.id,
            requirement.rule,
            requirement.name,
            database_message(&error)
        ))
    })
}

/// The accepted definitions as PostgreSQL writes them.
async fn patterns(
    work: &Work,
    history: &History,
    requirements: &[Requirement],
) -> Result<Vec<Vec<String>>, DbErr> {
    work.run(&format!(
        "CREATE TABLE {PATTERN} (LIKE {})",
        history.id.sql()
    ))
    .await?;
    let name = |requirement: usize, way: usize| format!("pattern_{requirement}_{way}");
    for (position, requirement) in requirements.iter().enumerate() {
        for (way, definition) in requirement.accepted.iter().enumerate() {
            let name = name(position, way);
            work.run(&statement(requirement, PATTERN, &name, definition))
                .await?;
        }
    }
    let written = definitions(work, PATTERN).await?;
    work.run(&format!("DROP TABLE {PATTERN}")).await?;
    let patterns = requirements
        .iter()
        .enumerate()
        .map(|(position, requirement)| {
            let names: Vec<_> = (0..requirement.accepted.len())
                .map(|way| name(position, way))
                .collect();
            let ours = written.iter().filter(|(name, _)| names.contains(name));
            ours.map(|(_, definition)| definition.clone()).collect()
        });
    Ok(patterns.collect())
}

/// The checks, exclusion constraints and unique indexes of a table: name and definition.
async fn definitions(work: &Work, table: &str) -> Result<Vec<(String, String)>, DbErr> {
    let rows = work
        .rows(schema::history::CONSTRAINTS, [table.into()])
        .await?;
    let read = |row: &QueryResult| Ok((row.try_get("", "name")?, row.try_get("", "definition")?));
    rows.iter().map(read).collect()
}

/// The foreign key of the history to its identity, which refuses to delete an identity that has versions.
async fn refer_to_identity(work: &Work, history: &History, table: &Table) -> Result<(), DbErr> {
    let pairs = |columns: &[(String, String)]| {
        let mut columns = columns.to_vec();
        columns.sort();
        columns
    };
    let wanted: Vec<_> = history
        .columns
        .iter()
        .map(|column| (column.name.clone(), column.key.clone()))
        .collect();
    let found = table.outgoing.iter().find(|foreign_key| {
        let columns: Vec<_> = foreign_key
            .columns
            .iter()
            .map(|column| (column.child.clone(), column.parent.clone()))
            .collect();
        foreign_key.parent.oid == history.identity.oid && pairs(&columns) == pairs(&wanted)
    });
    let table = history.id.sql();
    let Some(found) = found else {
        let keys = quote_all(history.columns.iter().map(|column| column.key.as_str()));
        let name = derived(&history.id.table, "_identity_fkey");
        return work
            .run(&format!(
                "ALTER TABLE {table} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({keys})",
                quote(&name),
                identity(history),
                history.identity.sql(),
            ))
            .await;
    };
    if !matches!(found.on_delete, OnDelete::NoAction | OnDelete::Restrict) {
        return Err(DbErr::Migration(format!(
            "{} cannot be a history: its foreign key \"{}\" has ON DELETE {}, which changes or deletes versions when \
             their identity is deleted; change it to NO ACTION",
            history.id, found.name, found.on_delete
        )));
    }
    // PostgreSQL does nothing where it is already valid.
    work.run(&format!(
        "ALTER TABLE {table} VALIDATE CONSTRAINT {}",
        quote(&found.name)
    ))
    .await
}

//! The marking columns after the move: dropped with what depends on them, or cleared.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;
use serde::{Deserialize, Serialize};

use crate::{
    adopt::{
        create, group, index,
        options::Flag,
        report::Adopted,
        subject::{Subject, Times},
        view,
    },
    name::{self, literal, quote},
    work::Work,
};

/// What depends on the marking columns of a table, as `schema/adopt/dependents.sql` returns it.
#[derive(Clone, Debug)]
pub(crate) struct Dependent {
    kind: String,
    name: String,
    /// The statement that creates it, or the definition of a constraint.
    definition: String,
    /// The definition of an index after its name.
    body: Option<String>,
    /// The condition of an index.
    predicate: Option<String>,
    unique: bool,
    /// A marking column is in the key of an index, or a column that is no mark in a constraint.
    mixed: bool,
    description: String,
}

/// What the `down` needs to know. It is stored in `archive.archived_table.adopted`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The name of the table, which the statements below contain.
    pub(crate) table: String,
    pub(crate) deleted_at: Option<String>,
    pub(crate) deleted_by: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) boolean: Option<String>,
    pub(crate) status: Option<(String, String)>,
    pub(crate) times: String,
    pub(crate) time_zone: Option<String>,
    pub(crate) time_if_unknown: Option<String>,
    pub(crate) columns: Vec<Dropped>,
    /// The statements that create the dropped indexes again, with their names.
    pub(crate) indexes: Vec<(String, String)>,
    /// The statements that create other dropped objects again.
    pub(crate) others: Vec<String>,
    pub(crate) view: Option<String>,
}

/// A dropped column, as ALTER TABLE adds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dropped {
    pub(crate) name: String,
    pub(crate) definition: String,
    pub(crate) default: Option<String>,
}

/// What prevents the marking columns from being dropped.
pub(crate) async fn problems(work: &Work, subjects: &[Subject]) -> Result<Vec<String>, DbErr> {
    let mut problems = Vec::new();
    for subject in subjects {
        for found in dependents(work, subject).await? {
            problems.extend(problem(subject, &found));
        }
        problems.extend(view::problem(work, subject).await?);
    }
    Ok(problems)
}

fn problem(subject: &Subject, found: &Dependent) -> Option<String> {
    let table = &subject.table.id;
    let (description, definition) = (&found.description, &found.definition);
    let keeps = "or leave the columns in the table with `.keep_columns()`";
    match found.kind.as_str() {
        "index" if !found.unique || replaced(subject, found).is_some() => None,
        "index" => Some(format!(
            "{description} depends on the marking columns of {table} in another way than excluding marked rows: {definition}; drop it, or \
             replace it by what active rows need, {keeps}"
        )),
        "constraint" if !found.mixed => None,
        "statistics" => None,
        "constraint" => Some(format!(
            "{description} depends on a marking column and on others: {definition}; drop it or replace it first, {keeps}"
        )),
        _ => Some(format!(
            "{description} depends on a marking column of {table}: drop it or replace it first, {keeps}"
        )),
    }
}

/// The definition of the index after its name, without the condition that excludes marked rows.
fn replaced(subject: &Subject, found: &Dependent) -> Option<String> {
    let predicate = found.predicate.as_ref()?;
    if found.mixed {
        return None;
    }
    let rest = index::without_mark(subject, predicate)?;
    let body = found.body.as_ref()?;
    let whole = body.strip_suffix(&format!(" WHERE {predicate}"))?;
    Some(match rest.as_str() {
        "" => whole.to_owned(),
        rest => format!("{whole} WHERE {rest}"),
    })
}

/// The indexes that depend on the marking columns: those that are replaced, and those that are dropped with the columns.
fn indexes<'d>(
    subject: &Subject,
    found: &'d [Dependent],
) -> (Vec<&'d Dependent>, Vec<&'d Dependent>) {
    let indexes = found.iter().filter(|d| d.kind == "index");
    indexes.partition(|index| replaced(subject, index).is_some())
}

/// Adds to the report what [`finish`] does with the indexes and the marking columns.
pub(crate) async fn report(
    work: &Work,
    subjects: &[Subject],
    adopted: &mut Adopted,
) -> Result<(), DbErr> {
    for (subject, report) in subjects.iter().zip(&mut adopted.tables) {
        let found = dependents(work, subject).await?;
        let names = |indexes: Vec<&Dependent>| indexes.iter().map(|d| d.name.clone()).collect();
        let (replaced, dropped) = indexes(subject, &found);
        report.replaced_indexes = names(replaced);
        report.dropped_indexes = names(dropped);
        report.dropped_columns = subject.dropped_columns();
    }
    Ok(())
}

/// Clears or drops the marking columns in both tables, gives the added columns their names, and stores what the `down` needs.
pub(crate) async fn finish(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    settle(work, subjects).await?;
    for subject in subjects {
        clear(work, subject).await?;
        let found = dependents(work, subject).await?;
        let stored = stored(work, subject, &found).await?;
        let (new, _) = indexes(subject, &found);
        create_indexes(work, subject, &new).await?;
        drop_columns(work, subject).await?;
        rename_indexes(work, subject, &new).await?;
        rename_added(work, subject).await?;
        store(work, subject, &stored).await?;
    }
    Ok(())
}

/// Creates the indexes without the mark, beside the present ones: the table can still be read meanwhile.
async fn create_indexes(work: &Work, subject: &Subject, found: &[&Dependent]) -> Result<(), DbErr> {
    for index in found {
        let Some(body) = replaced(subject, index) else {
            continue;
        };
        let unique = if index.unique { "UNIQUE " } else { "" };
        let name = quote(&name::derived(&index.name, "_adopted"));
        work.run(&format!("CREATE {unique}INDEX {name}{body}"))
            .await?;
    }
    Ok(())
}

/// Gives them the names of the indexes that were dropped with the columns.
async fn rename_indexes(work: &Work, subject: &Subject, found: &[&Dependent]) -> Result<(), DbErr> {
    for index in found {
        work.run(&format!(
            "ALTER INDEX {}.{} RENAME TO {}",
            quote(&subject.table.id.schema),
            quote(&name::derived(&index.name, "_adopted")),
            quote(&index.name)
        ))
        .await?;
    }
    Ok(())
}

/// Lets deferred checks of foreign keys run now: PostgreSQL refuses to change a table that has some.
pub(crate) async fn settle(work: &Work, subjects: &[Subject]) -> Result<(), DbErr> {
    let mut names = Vec::new();
    for subject in subjects {
        for key in subject.table.incoming.iter().chain(&subject.table.outgoing) {
            if key.deferrable {
                names.push(format!("{}.{}", quote(&key.child.schema), quote(&key.name)));
            }
        }
    }
    for name in names {
        work.run(&format!("SET CONSTRAINTS {name} IMMEDIATE"))
            .await?;
    }
    Ok(())
}

/// Clears the marks that stay in the archived rows: a restored row is not marked.
pub(crate) async fn clear(work: &Work, subject: &Subject) -> Result<(), DbErr> {
    let mut values = Vec::new();
    if subject.declared.keeps_columns {
        let declared = &subject.declared;
        let columns = [&declared.deleted_at, &declared.deleted_by, &declared.reason];
        values.extend(
            columns
                .into_iter()
                .flatten()
                .map(|name| format!("{} = NULL", quote(name))),
        );
    }
    match &subject.declared.flag {
        Some(Flag::Boolean(name)) if subject.declared.keeps_columns => {
            values.push(format!("{} = false", quote(name)));
        }
        Some(Flag::Status {
            column, restored, ..
        }) => {
            values.push(format!("{} = {}", quote(column), literal(restored)));
        }
        _ => {}
    }
    if values.is_empty() {
        return Ok(());
    }
    let archive_table = subject.archive_table()?;
    work.run(&format!(
        "UPDATE {} AS d SET {} FROM {} AS r WHERE d.{} = r.id AND {}",
        archive_table.id.sql(),
        values.join(", "),
        group::ROOTS,
        quote(&archive_table.archival_id),
        subject.is_marked("d"),
    ))
    .await
}

/// What depends on the columns that are dropped.
pub(crate) async fn dependents(work: &Work, subject: &Subject) -> Result<Vec<Dependent>, DbErr> {
    let dropped = subject.dropped_columns();
    if dropped.is_empty() {
        return Ok(Vec::new());
    }
    let rows = work
        .rows(
            schema::adopt::DEPENDENTS,
            [subject.table.id.oid.into(), dropped.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Dependent {
                kind: row.try_get("", "kind")?,
                name: row.try_get("", "name")?,
                definition: row.try_get("", "definition")?,
                body: row.try_get("", "body")?,
                predicate: row.try_get("", "predicate")?,
                unique: row.try_get("", "is_unique")?,
                mixed: row.try_get("", "mixed")?,
                description: row.try_get("", "description")?,
            })
        })
        .collect()
}

/// Drops the marking columns of both tables, and the indexes and constraints on them.
async fn drop_columns(work: &Work, subject: &Subject) -> Result<(), DbErr> {
    let dropped = subject.dropped_columns();
    if dropped.is_empty() {
        return Ok(());
    }
    let columns: Vec<_> = dropped
        .into_iter()
        .map(|name| format!("DROP COLUMN {}", quote(&name)))
        .collect();
    let tables = [subject.table.id.sql(), subject.archive_table()?.id.sql()];
    for table in tables {
        work.run(&format!("ALTER TABLE {table} {}", columns.join(", ")))
            .await?;
    }
    Ok(())
}

/// Gives the columns that the archive table adds the names that the migration declares.
async fn rename_added(work: &Work, subject: &Subject) -> Result<(), DbErr> {
    let wanted = create::options(subject)?;
    let archive_table = subject.archive_table()?;
    let pairs = [
        (&archive_table.deleted_at, &wanted.deleted_at),
        (&archive_table.deleted_by, &wanted.deleted_by),
    ];
    for (present, wanted) in pairs {
        if present != wanted {
            work.run(&format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                archive_table.id.sql(),
                quote(present),
                quote(wanted)
            ))
            .await?;
        }
    }
    work.run_with(
        "UPDATE archive.archived_table SET deleted_at_column = $2::text, deleted_by_column = $3::text WHERE active = $1::bigint::oid",
        [
            subject.table.id.oid.into(),
            wanted.deleted_at.into(),
            wanted.deleted_by.into(),
        ],
    )
    .await
}

async fn stored(work: &Work, subject: &Subject, found: &[Dependent]) -> Result<Stored, DbErr> {
    let declared = &subject.declared;
    let dropped = subject.dropped_columns();
    let columns = work
        .rows(
            schema::adopt::DEFINITIONS,
            [subject.table.id.oid.into(), dropped.into()],
        )
        .await?;
    let columns: Result<Vec<_>, DbErr> = columns
        .iter()
        .map(|row| {
            Ok(Dropped {
                name: row.try_get("", "name")?,
                definition: row.try_get("", "definition")?,
                default: row.try_get("", "default")?,
            })
        })
        .collect();
    let of_kind = |kind: &'static str| found.iter().filter(move |d| d.kind == kind);
    let constraints = of_kind("constraint").map(|d| {
        format!(
            "ALTER TABLE {} ADD CONSTRAINT {} {}",
            subject.table.id.sql(),
            quote(&d.name),
            d.definition
        )
    });
    let (boolean, status) = match declared.flag.clone() {
        Some(Flag::Boolean(column)) => (Some(column), None),
        Some(Flag::Status {
            column, deleted, ..
        }) => (None, Some((column, deleted))),
        None => (None, None),
    };
    Ok(Stored {
        table: subject.table.id.to_string(),
        deleted_at: declared.deleted_at.clone(),
        deleted_by: declared.deleted_by.clone(),
        reason: declared.reason.clone(),
        boolean,
        status,
        times: match subject.times {
            Times::Local => "local",
            Times::Dates => "dates",
            _ => "absolute",
        }
        .to_owned(),
        time_zone: declared.time_zone.clone(),
        time_if_unknown: declared.time_if_unknown.clone(),
        columns: columns?,
        indexes: of_kind("index")
            .map(|d| (d.name.clone(), d.definition.clone()))
            .collect(),
        others: constraints
            .chain(of_kind("statistics").map(|d| d.definition.clone()))
            .collect(),
        view: declared.view.clone(),
    })
}

/// An adoption of a table without marks, such as the same call of the command again, leaves what an earlier adoption with marks has stored.
async fn store(work: &Work, subject: &Subject, stored: &Stored) -> Result<(), DbErr> {
    let text =
        serde_json::to_string(stored).map_err(|error| DbErr::Migration(error.to_string()))?;
    work.run_with(
        "UPDATE archive.archived_table SET adopted = $2::text::jsonb WHERE active = $1::bigint::oid AND (adopted IS NULL OR NOT $3)",
        [
            subject.table.id.oid.into(),
            text.into(),
            subject.declared.unmarked.into(),
        ],
    )
    .await
}

//! Changes archived rows as the policies of a restore say.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait;
use sea_orm_archive_postgres::catalog::{Column, UniqueIndex};
use sea_orm_archive_postgres::emit::change::{self as emit, Of};
use sea_orm_archive_postgres::emit::defer::ParentLink;
use sea_orm_archive_postgres::model::{Moved, RestorePlan};
use sea_orm_archive_postgres::sqlstate;
use serde_json::Value as Json;

use super::policies::{Assignment, Policies, Remap, Rename};
use crate::catalog;
use crate::entity::DeclaredName;
use crate::error::{self, Error, RefusedError, unexpected_answer};
use crate::exec::{Sql, ask_here};
use crate::report::{ArchivalConflicts, Conflict, RowChange};

/// Assigns the new values and the other parents.
pub(super) async fn apply<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    policies: &Policies,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let mut changes = Vec::new();
    for assignment in &policies.assignments {
        changes.extend(assign(db, plan, assignment, archivals).await?);
    }
    for other in &policies.remaps {
        changes.extend(remap(db, plan, links, other, archivals).await?);
    }
    Ok(changes)
}

async fn assign<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    assignment: &Assignment,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let column = &assignment.column;
    let (n, of) = match (table(db, plan, &column.table).await?, assignment.root_only) {
        (Some(n), false) => (n, Of::Every),
        (Some(0), true) => (0, Of::Roots),
        (None, false) => return Ok(Vec::new()),
        (_, true) => {
            let root = plan.tables.first().map(|moved| moved.table.id.to_string());
            let problem = format!(
                "the root of the archival is a row of {}, and `{column}` is no column of it: pass a column of the root to `.set(..)`, or \
                 use `.set_every(..)` for another table",
                root.unwrap_or_default()
            );
            return Err(refused(&column.table, problem));
        }
    };
    let moved = &plan.tables[n];
    changeable(plan, moved, &column.name)?;
    let values = [(column.name.clone(), assignment.value.clone())];
    changed(db, moved, emit::assign(moved, &values, &of), archivals).await
}

async fn remap<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    other: &Remap,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let oid = oid(db, &other.parent).await?;
    let mut changes = Vec::new();
    for link in links.iter().filter(|link| Some(link.key.parent.oid) == oid) {
        let moved = &plan.tables[link.table];
        for column in &link.key.columns {
            not_referred_to(plan, moved, &column.child)?;
            // The record of the archival has the key of the root.
            if link.table == 0 {
                changeable(plan, moved, &column.child)?;
            }
        }
        let Some(text) = emit::remap(plan, link, &other.key) else {
            let problem = format!(
                "the foreign key {} does not refer to the primary key of {}, so it cannot be remapped: use `.set_every(..)` with its columns",
                link.key.name, link.key.parent
            );
            return Err(refused(&moved.table.id, problem));
        };
        changes.extend(changed(db, moved, text, archivals).await?);
    }
    Ok(changes)
}

fn refused(table: &impl ToString, problem: String) -> Error {
    Error::Refused(RefusedError::RestorePolicy {
        table: table.to_string(),
        problem,
    })
}

/// The oid of a table as an entity names it.
async fn oid<T: ConnectionTrait>(db: &T, table: &DeclaredName) -> Result<Option<i64>, Error> {
    let sql = Sql {
        text: "SELECT pg_catalog.to_jsonb(pg_catalog.to_regclass($1)::pg_catalog.oid::bigint) AS result"
            .to_owned(),
        values: vec![table.quoted().into()],
    };
    Ok(ask_here(db, &sql).await?.and_then(|oid| oid.as_i64()))
}

/// Which table of the plan this is.
pub(super) async fn table<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    table: &DeclaredName,
) -> Result<Option<usize>, Error> {
    let oid = oid(db, table).await?;
    let mut tables = plan.tables.iter();
    Ok(oid.and_then(|oid| tables.position(|moved| moved.table.id.oid == oid)))
}

/// Refuses a column that other rows or the restore itself depend on.
fn changeable<'a>(plan: &RestorePlan, moved: &'a Moved, name: &str) -> Result<&'a Column, Error> {
    let problem = match moved.table.column(name) {
        None => "does not exist: generate the entity again",
        Some(column) if column.generated => {
            "is generated: set the columns that it is computed from"
        }
        Some(_) if is_key(moved, name) => {
            "belongs to the primary key: use `.as_new()` for rows with new keys"
        }
        Some(column) => return not_referred_to(plan, moved, name).map(|()| column),
    };
    Err(refused(&moved.table.id, format!("`{name}` {problem}")))
}

fn is_key(moved: &Moved, name: &str) -> bool {
    moved.table.key.iter().any(|column| column.name == name)
}

/// Refuses a column by which rows of the archival refer to others of it.
fn not_referred_to(plan: &RestorePlan, moved: &Moved, name: &str) -> Result<(), Error> {
    let keys = plan.tables.iter().flat_map(|other| &other.table.outgoing);
    let mut keys = keys.filter(|key| key.parent.oid == moved.table.id.oid);
    match keys.find(|key| key.columns.iter().any(|column| column.parent == name)) {
        None => Ok(()),
        Some(key) => {
            let problem = format!("`{name}` is what {key} refers to: change it after the restore");
            Err(refused(&moved.table.id, problem))
        }
    }
}

/// Runs one change. A value that the column cannot hold is an error of the caller.
async fn changed<T: ConnectionTrait>(
    db: &T,
    moved: &Moved,
    text: String,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let values = vec![archivals.to_vec().into()];
    let changes = match ask_here(db, &Sql { text, values }).await {
        Err(error) if error::code(&error).is_some_and(sqlstate::is_bad_value) => {
            return Err(refused(&moved.table.id, error.to_string()));
        }
        changes => changes?.unwrap_or_default(),
    };
    serde_json::from_value(changes).map_err(unexpected_answer)
}

/// Gives the rows with conflicts on a renamed column a value that is free. Each row is renamed once by each policy.
pub(super) async fn rename<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    policies: &Policies,
    archivals: &[i64],
    conflicts: &[ArchivalConflicts],
    renamed: &mut BTreeSet<String>,
) -> Result<Vec<RowChange>, Error> {
    let mut changes = Vec::new();
    if policies.renames.is_empty() {
        return Ok(changes);
    }
    let tables: Vec<i64> = plan.tables.iter().map(|moved| moved.table.id.oid).collect();
    let indexes = catalog::unique_indexes(db, &tables).await?;
    for (n, policy) in policies.renames.iter().enumerate() {
        let Some(moved) = table(db, plan, &policy.column.table).await? else {
            continue;
        };
        let moved = &plan.tables[moved];
        let column = changeable(plan, moved, &policy.column.name)?;
        if !is_text(column) {
            let problem = format!(
                "`{}` is of the type {}, and only text gets a suffix: use `.set(..)`",
                column.name, column.sql_type
            );
            return Err(refused(&moved.table.id, problem));
        }
        let indexes = indexes
            .iter()
            .filter(|index| index.table == moved.table.id.oid);
        let indexes: Vec<_> = indexes.filter(|index| contains(index, column)).collect();
        let title = moved.table.id.to_string();
        for conflict in conflicts.iter().flat_map(|found| &found.conflicts) {
            let Conflict::Unique {
                table,
                constraint,
                key,
                ..
            } = conflict
            else {
                continue;
            };
            let index = indexes
                .iter()
                .find(|index| index.name == *constraint && *table == title);
            let Some(index) = index else { continue };
            if renamed.insert(format!("{n} {constraint} {key}")) {
                changes.extend(free(db, moved, index, column, policy, key, archivals).await?);
            }
        }
    }
    Ok(changes)
}

fn is_text(column: &Column) -> bool {
    let of = column.sql_type.split('(').next().unwrap_or_default();
    ["text", "character varying", "citext", "pg_catalog.text"].contains(&of)
        || of.ends_with(".citext")
}

/// Whether a change of the column may change the values in the index.
fn contains(index: &UniqueIndex, column: &Column) -> bool {
    let parts = index.parts.iter();
    let mut parts = parts.map(|part| (part.is_column, &part.name));
    parts.any(|(is_column, name)| match is_column {
        true => *name == column.name,
        false => name.contains(&column.name),
    })
}

/// Renames one row, if a value is free.
async fn free<T: ConnectionTrait>(
    db: &T,
    moved: &Moved,
    index: &UniqueIndex,
    column: &Column,
    policy: &Rename,
    key: &Json,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let key = key.to_string();
    let find = emit::free_number(moved, index, column, &policy.suffix, &key);
    let ids = archivals.to_vec();
    // As for conflicts: the expressions of an index are written for one search_path.
    let find = match index.has_columns_only() {
        true => Sql {
            text: find,
            values: vec![ids.into()],
        },
        false => Sql {
            text: "SELECT archive.answer($1, $2) AS result".to_owned(),
            values: vec![find.into(), ids.into()],
        },
    };
    let found = ask_here(db, &find).await?.and_then(|n| n.as_i64());
    let Some(n) = found else {
        return Ok(Vec::new());
    };
    let value = emit::with_suffix(column, "t", &policy.suffix, &n.to_string());
    let text = emit::assign(moved, &[(column.name.clone(), value)], &Of::Row(key));
    changed(db, moved, text, archivals).await
}

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
use crate::error::{self, DriftError, Error, RefusedError, postgres, unexpected_answer};
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
    changeable(db, moved, &column.name).await?;
    if moved
        .table
        .outgoing
        .iter()
        .any(|key| key.columns.iter().any(|c| c.child == column.name))
    {
        refuse_counted(plan)?;
    }
    let values = [(column.name.clone(), assignment.value.clone())];
    changed(
        db,
        moved,
        &column.name,
        emit::assign(moved, &values, &of),
        archivals,
    )
    .await
}

async fn remap<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    links: &[ParentLink],
    other: &Remap,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let Some(oid) = oid(db, &other.parent).await? else {
        return Err(refused(
            &other.parent,
            "this table does not exist: run its migration, or name the schema in the entity"
                .to_owned(),
        ));
    };
    let mut changes = Vec::new();
    for link in links.iter().filter(|link| link.key.parent.oid == oid) {
        let moved = &plan.tables[link.table];
        let Some(parent) = emit::other_parent(link, &other.key) else {
            let problem = format!(
                "the foreign key {} does not refer to the primary key of {}, so it cannot be remapped: use `.set_every(..)` with its columns",
                link.key.name, link.key.parent
            );
            return Err(refused(&moved.table.id, problem));
        };
        let find = Sql {
            text: parent.has_rows(moved),
            values: vec![archivals.to_vec().into()],
        };
        if ask_here(db, &find).await? != Some(Json::Bool(true)) {
            continue;
        }
        for column in &link.key.columns {
            changeable(db, moved, &column.child).await?;
        }
        refuse_counted(plan)?;
        changes
            .extend(changed(db, moved, &link.key.edge(), parent.assign(moved), archivals).await?);
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

/// Which table of the plan this is; `None` where the archivals have no rows of it.
pub(super) async fn table<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    table: &DeclaredName,
) -> Result<Option<usize>, Error> {
    let oid = oid(db, table).await?;
    let is_archive_table = |moved: &Moved| Some(moved.archive_table.id.oid) == oid;
    if oid.is_none() || plan.tables.iter().any(is_archive_table) {
        let problem = match oid {
            None => {
                "this table does not exist: run its migration, or name the schema in the entity"
            }
            Some(_) => "this is an archive table: pass a column of the entity itself",
        };
        return Err(refused(table, problem.to_owned()));
    }
    let mut tables = plan.tables.iter();
    Ok(tables.position(|moved| Some(moved.table.id.oid) == oid))
}

/// Refuses a column that other rows or the restore itself depend on.
async fn changeable<'a, T: ConnectionTrait>(
    db: &T,
    moved: &'a Moved,
    name: &str,
) -> Result<&'a Column, Error> {
    let table = &moved.table;
    let mut incoming = table.incoming.iter().chain(&table.not_enforced);
    let referring = incoming.find(|key| key.columns.iter().any(|column| column.parent == name));
    let column = table.column(name);
    let problem = match (column, referring) {
        (None, _) => "does not exist: generate the entity again".to_owned(),
        (Some(column), _) if column.generated => {
            "is generated: set the columns that it is computed from".to_owned()
        }
        (Some(_), _) if table.key.iter().any(|column| column.name == name) => {
            "belongs to the primary key: use `.as_new()` for rows with new keys".to_owned()
        }
        (Some(_), Some(key)) => format!("is what {key} refers to: change it after the restore"),
        (Some(column), None) => match guarded_generated(db, moved).await? {
            None => return Ok(column),
            Some(generated) => format!(
                "cannot change before the restore, since a unique index has the generated column `{generated}`, whose archived value stays: \
                 change it after the restore"
            ),
        },
    };
    Err(refused(&table.id, format!("`{name}` {problem}")))
}

/// A generated column of the table in a unique index.
async fn guarded_generated<T: ConnectionTrait>(
    db: &T,
    moved: &Moved,
) -> Result<Option<String>, Error> {
    let generated = moved.table.columns.iter().filter(|column| column.generated);
    let generated: Vec<_> = generated.collect();
    if generated.is_empty() {
        return Ok(None);
    }
    let indexes = catalog::unique_indexes(db, &[moved.table.id.oid]).await?;
    let mut generated = generated.into_iter();
    let found = generated.find(|column| indexes.iter().any(|index| contains(index, column)));
    Ok(found.map(|column| column.name.clone()))
}

/// Refuses where triggers of the application act on rows that are inserted, also where they are suspended while rows move: they may keep a
/// count of rows in a parent, which is archived with the count of all.
pub(super) fn refuse_counted(plan: &RestorePlan) -> Result<(), Error> {
    let mut triggers = plan.tables.iter().flat_map(|moved| {
        let triggers = moved.table.row_triggers.iter();
        let acting = triggers.filter(|trigger| trigger.on_insert && !trigger.ours);
        acting.map(|trigger| (&moved.table.id, trigger))
    });
    let Some((table, trigger)) = triggers.next() else {
        return Ok(());
    };
    Err(Error::Drift(DriftError::Trigger {
        message: format!(
            "the trigger {} on {table} could count rows wrongly that come back apart from the others of their archival, or below another parent, \
             so nothing was restored: restore the archival as it is, and change the rows then",
            trigger.name
        ),
    }))
}

/// Runs one change. A value that the column cannot hold is an error of the caller.
async fn changed<T: ConnectionTrait>(
    db: &T,
    moved: &Moved,
    columns: &str,
    text: String,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    if text.contains('\0') {
        let problem = format!(
            "the value of `{columns}` contains a zero byte, which PostgreSQL cannot store: remove it"
        );
        return Err(refused(&moved.table.id, problem));
    }
    let values = vec![archivals.to_vec().into()];
    let changes = match ask_here(db, &Sql { text, values }).await {
        Err(error) if error::code(&error).is_some_and(sqlstate::is_bad_value) => {
            return Err(refused(&moved.table.id, bad_value(moved, columns, &error)));
        }
        changes => changes?.unwrap_or_default(),
    };
    serde_json::from_value(changes).map_err(unexpected_answer)
}

/// What is wrong with a value that the archive table refuses.
fn bad_value(moved: &Moved, columns: &str, error: &Error) -> String {
    let Error::Database(source) = error else {
        return error.to_string();
    };
    let Some(e) = postgres(source) else {
        return error.to_string();
    };
    let detail = e.detail().map(|detail| format!(": {detail}"));
    let reason = format!("{}{}", e.message(), detail.unwrap_or_default());
    let archive_table = &moved.archive_table.id;
    match e.code() {
        sqlstate::INSUFFICIENT_PRIVILEGE => format!(
            "this role may not change `{columns}` of {archive_table} ({reason}): give it UPDATE on that table, or let its policies allow the value"
        ),
        _ => format!(
            "`{columns}` of {archive_table} does not take the value ({reason}): pass one that fits its type and constraints"
        ),
    }
}

/// Gives the rows with conflicts on a renamed column a value that is free in all unique indexes with this column. Each row is renamed once by
/// each policy, and by one policy at a time: the others may no longer be needed.
pub(super) async fn rename<T: ConnectionTrait>(
    db: &T,
    plan: &RestorePlan,
    policies: &Policies,
    archivals: &[i64],
    conflicts: &[ArchivalConflicts],
    renamed: &mut BTreeSet<(usize, String)>,
) -> Result<Vec<RowChange>, Error> {
    let mut changes = Vec::new();
    let mut touched = BTreeSet::new();
    for (n, policy) in policies.renames.iter().enumerate() {
        let Some(moved) = table(db, plan, &policy.column.table).await? else {
            continue;
        };
        let moved = &plan.tables[moved];
        let column = renamable(db, moved, policy).await?;
        let indexes = catalog::unique_indexes(db, &[moved.table.id.oid]).await?;
        let indexes: Vec<_> = indexes
            .iter()
            .filter(|index| contains(index, column))
            .collect();
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
            let row = format!("{table} {key}");
            let concerned =
                *table == title && indexes.iter().any(|index| index.name == *constraint);
            if !concerned || touched.contains(&row) || !renamed.insert((n, row.clone())) {
                continue;
            }
            let new = free(db, moved, &indexes, column, policy, key, archivals).await?;
            if !new.is_empty() {
                touched.insert(row);
            }
            changes.extend(new);
        }
    }
    Ok(changes)
}

/// The column of a rename.
async fn renamable<'a, T: ConnectionTrait>(
    db: &T,
    moved: &'a Moved,
    policy: &Rename,
) -> Result<&'a Column, Error> {
    let column = changeable(db, moved, &policy.column.name).await?;
    let problem = match is_text(column) {
        true if policy.suffix.contains('\0') => {
            "the suffix contains a zero byte, which PostgreSQL cannot store: remove it".to_owned()
        }
        true => return Ok(column),
        false => format!(
            "`{}` is of the type {}, and only text gets a suffix: use `.set(..)`",
            column.name, column.sql_type
        ),
    };
    Err(refused(&moved.table.id, problem))
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
    indexes: &[&UniqueIndex],
    column: &Column,
    policy: &Rename,
    key: &Json,
    archivals: &[i64],
) -> Result<Vec<RowChange>, Error> {
    let key = key.to_string();
    let find = emit::free_number(moved, indexes, column, &policy.suffix, &key);
    let ids = archivals.to_vec();
    // As for conflicts: the expressions of an index are written for one search_path.
    let find = match indexes.iter().all(|index| index.has_columns_only()) {
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
    changed(db, moved, &column.name, text, archivals).await
}

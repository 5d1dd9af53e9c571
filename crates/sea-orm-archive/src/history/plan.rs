//! The plan of a history table: what its entity says, joined with what the catalog says.

use std::any::TypeId;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::sea_query::{Alias, Expr, PostgresQueryBuilder, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseExecutor, IdenStatic, Iterable};
use sea_orm_archive_postgres::catalog::{Column, ForeignKey, Table};
use sea_orm_archive_postgres::compare::{VersionColumns, history_findings};
use sea_orm_archive_postgres::emit::{resolved, unchanged};
use sea_orm_archive_postgres::ident::type_name;
use sea_orm_archive_postgres::model::Basis;

use super::entity::History;
use super::names::version_columns;
use crate::catalog;
use crate::entity::DeclaredName;
use crate::error::{ConflictError, DriftError, Error, RefusedError};
use crate::exec::{Executor, is_stale};
use crate::plan;
use crate::plan::Planning;

/// How the versions of one table are written.
#[derive(Debug)]
pub(crate) struct HistoryPlan {
    /// What it was made from.
    pub basis: Basis,
    pub table: Table,
    /// The foreign key to the table of identities, whose rows the changes lock.
    pub identity: ForeignKey,
    pub names: VersionColumns,
    /// The columns that tell a version from its neighbours, and that a change carries over.
    pub values: Vec<Column>,
    /// The columns of the key that no default fills, with what does.
    pub made: Vec<(String, &'static str)>,
    /// The constraints that keep versions apart.
    pub guards: Vec<String>,
    /// The condition that the tables are still these: PostgreSQL looks when it plans a statement.
    pub unchanged: String,
    /// The same, and that the name of the table still finds this one: that is looked at in each call,
    /// by the statement that locks the identity.
    pub resolved: String,
    /// The columns of the entity, as SeaORM selects them, of the row `r`.
    pub selected: String,
}

impl HistoryPlan {
    /// The type of valid time, as the column has it: a rounded time is the same on both sides.
    pub fn time_type(&self) -> Cow<'_, str> {
        let column = self.table.column(&self.names.valid_from);
        type_name(column.map_or("timestamptz", |column| &column.sql_type))
    }

    /// Foreign keys that would follow a version when it is deleted.
    pub fn followers(&self) -> impl Iterator<Item = &ForeignKey> {
        self.table.incoming.iter()
    }
}

/// The plans of an entity's histories.
struct Histories<E>(PhantomData<E>);

impl<E: History> Planning for Histories<E> {
    type Plan = HistoryPlan;

    fn key() -> String {
        format!("history {:?}", TypeId::of::<E>())
    }

    fn basis(plan: &HistoryPlan) -> &Basis {
        &plan.basis
    }

    async fn read(db: &DatabaseExecutor<'_>) -> Result<HistoryPlan, Error> {
        read::<E, _>(db).await
    }
}

/// The plan that worked last, or a new one.
pub(crate) async fn planned<E: History>(db: &impl Executor) -> Result<Arc<HistoryPlan>, Error> {
    plan::planned::<Histories<E>>(db).await
}

/// A new plan after an error of an old one; `None` where planning again would change nothing.
pub(crate) async fn replanned<E: History>(
    db: &impl Executor,
    old: &HistoryPlan,
    error: &Error,
) -> Result<Option<Arc<HistoryPlan>>, Error> {
    // These refusals come from the plan, so a stale plan may be the cause.
    let refused = matches!(
        error,
        Error::Refused(RefusedError::ManagedColumn { .. })
            | Error::Refused(RefusedError::UnrecordedActor { .. })
            | Error::Conflict(ConflictError::DependentRows { .. })
            | Error::Drift(DriftError::Schema { .. })
    );
    match is_stale(error) || refused {
        true => plan::replanned::<Histories<E>>(db, old, error).await,
        false => Ok(None),
    }
}

/// The table tells which table its identities are in; then both have their fingerprint taken, and
/// then the table is read. A change between the two makes the fingerprint too old, and the plan is
/// refused when it is used.
async fn read<E: History, C: ConnectionTrait>(db: &C) -> Result<HistoryPlan, Error> {
    let name = DeclaredName::of::<E>();
    let mut names = vec![name.quoted()];
    let mut table = table::<C>(db, &name).await?;
    let columns = version_columns::<E>();
    let identities = table.outgoing.iter().filter(|key| columns.is_identity(key));
    names.extend(identities.map(|key| key.parent.sql()));
    let fingerprint = catalog::fingerprint(db, &names).await?;
    table = self::table::<C>(db, &name).await?;
    let basis = Basis {
        resolved: match name.schema {
            None => vec![(name.quoted(), table.id.oid)],
            Some(_) => Vec::new(),
        },
        names,
        fingerprint,
    };
    joined::<E>(basis, table)
}

async fn table<C: ConnectionTrait>(db: &C, name: &DeclaredName) -> Result<Table, Error> {
    let tables = catalog::read(db, &[name.quoted()]).await?;
    tables.into_iter().flatten().next().ok_or_else(|| {
        Error::Drift(DriftError::Schema {
            table: name.to_string(),
            problems: vec![
                "there is no such table: call manager.create_history_table(..) in a migration"
                    .to_owned(),
            ],
        })
    })
}

fn joined<E: History>(basis: Basis, table: Table) -> Result<HistoryPlan, Error> {
    let names = version_columns::<E>();
    let found = history_findings(&table, &names);
    let mut problems: Vec<_> = found.iter().map(ToString::to_string).collect();
    // One of several is a finding.
    let identity = table.outgoing.iter().find(|key| names.is_identity(key));
    let identity = identity.cloned();
    let made = made(&table, &names, &mut problems);
    let (Some(identity), true) = (identity, problems.is_empty()) else {
        return Err(Error::Drift(DriftError::Schema {
            table: table.id.to_string(),
            problems,
        }));
    };
    let in_key = |name: &str| table.key.iter().any(|key| key.name == name);
    let values = table
        .columns
        .iter()
        .filter(|c| {
            !c.generated && c.identity.is_empty() && !names.has(&c.name) && !in_key(&c.name)
        })
        .cloned()
        .collect();
    let guards = table.exclusions.iter().filter(|x| names.guards(x));
    Ok(HistoryPlan {
        guards: guards.map(|x| x.name.clone()).collect(),
        resolved: format!("{} AND {}", unchanged(&basis), resolved(&basis)),
        unchanged: unchanged(&basis),
        selected: selected::<E>(),
        basis,
        identity,
        values,
        made,
        names,
        table,
    })
}

/// What fills the columns of the key when a version is written: the identity and the time are known,
/// a default fills itself, a uuid can be made. Anything else has nowhere to come from.
fn made(
    table: &Table,
    names: &VersionColumns,
    problems: &mut Vec<String>,
) -> Vec<(String, &'static str)> {
    let mut made = Vec::new();
    for column in table.key.iter().filter_map(|key| table.column(&key.name)) {
        if names.has(&column.name) || column.has_default {
            continue;
        }
        if column.sql_type == "uuid" {
            made.push((column.name.clone(), "pg_catalog.gen_random_uuid()"));
        } else {
            problems.push(format!(
                "nothing fills {} in the key of {} when a version is split: give it a default",
                column.name, table.id
            ));
        }
    }
    made
}

/// The columns of an entity, as SeaORM selects them.
///
/// An infinite end is for ever, which NULL says in a way that a program can read; an infinite start
/// can be read by none, and NULL is an error there instead of a panic.
fn selected<E: History>() -> String {
    let columns = E::columns();
    let mut select = Query::select();
    for column in E::Column::iter() {
        let name = Alias::new(column.as_str());
        let value = Expr::col((Alias::new("r"), name.clone()));
        let is_time = [columns.valid_from, columns.valid_to]
            .iter()
            .any(|time| time.as_str() == column.as_str());
        let value = match is_time {
            true => Expr::cust_with_expr("CASE WHEN pg_catalog.isfinite($1) THEN $1 END", value),
            false => value,
        };
        select.expr_as(column.select_as(value), name);
    }
    let text = select.to_string(PostgresQueryBuilder);
    text.strip_prefix("SELECT ").unwrap_or(&text).to_owned()
}

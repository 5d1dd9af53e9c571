//! The plan of a history table: what its entity declares, joined with what the catalog describes.

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
use sea_orm_archive_postgres::model::Freshness;

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
    /// The tables that it was built from, for the check that it is not stale.
    pub freshness: Freshness,
    pub table: Table,
    /// The foreign key to the table of identities, whose rows the changes lock.
    pub identity: ForeignKey,
    pub names: VersionColumns,
    /// The columns with the values of a version, which a change carries over.
    pub values: Vec<Column>,
    /// The key columns that no default fills, with the expressions that do.
    pub generated_keys: Vec<(String, &'static str)>,
    /// The constraints against overlapping versions.
    pub guards: Vec<String>,
    /// The condition that the tables have not changed. PostgreSQL evaluates it when it plans a statement.
    pub unchanged: String,
    /// The same, and that the name of the table still resolves to this table. The statement that locks the
    /// identity checks it in each call.
    pub resolved: String,
    /// The columns of the entity, as SeaORM selects them, of the row `r`.
    pub selected: String,
}

impl HistoryPlan {
    /// The type of valid time in the column: a time is rounded to it before it is compared.
    pub fn time_type(&self) -> Cow<'_, str> {
        let column = self.table.column(&self.names.valid_from);
        type_name(column.map_or("timestamptz", |column| &column.sql_type))
    }

    /// The foreign keys that refer to single versions.
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

    fn freshness(plan: &HistoryPlan) -> &Freshness {
        &plan.freshness
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

/// Reads the table to find the table of identities, then the fingerprint of both, then the table again.
///
/// Race: a change between the last two. The fingerprint is too old then, and the plan is refused when it is used.
async fn read<E: History, C: ConnectionTrait>(db: &C) -> Result<HistoryPlan, Error> {
    let name = DeclaredName::of::<E>();
    let mut names = vec![name.quoted()];
    let mut table = table::<C>(db, &name).await?;
    let columns = version_columns::<E>();
    let identities = table.outgoing.iter().filter(|key| columns.is_identity(key));
    names.extend(identities.map(|key| key.parent.sql()));
    let fingerprint = catalog::fingerprint(db, &names).await?;
    table = self::table::<C>(db, &name).await?;
    let freshness = Freshness {
        resolved: match name.schema {
            None => vec![(name.quoted(), table.id.oid)],
            Some(_) => Vec::new(),
        },
        names,
        fingerprint,
    };
    joined::<E>(freshness, table)
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

fn joined<E: History>(freshness: Freshness, table: Table) -> Result<HistoryPlan, Error> {
    let names = version_columns::<E>();
    let found = history_findings(&table, &names);
    let mut problems: Vec<_> = found.iter().map(ToString::to_string).collect();
    // Several are a finding.
    let identity = table.outgoing.iter().find(|key| names.is_identity(key));
    let identity = identity.cloned();
    let generated_keys = generated_keys(&table, &names, &mut problems);
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
        resolved: format!("{} AND {}", unchanged(&freshness), resolved(&freshness)),
        unchanged: unchanged(&freshness),
        selected: selected::<E>(),
        freshness,
        identity,
        values,
        generated_keys,
        names,
        table,
    })
}

/// The key columns that need a value when a version is written: not the identity, the times, and columns with a
/// default. A uuid can be generated; any other column is a problem.
fn generated_keys(
    table: &Table,
    names: &VersionColumns,
    problems: &mut Vec<String>,
) -> Vec<(String, &'static str)> {
    let mut generated = Vec::new();
    for column in table.key.iter().filter_map(|key| table.column(&key.name)) {
        if names.has(&column.name) || column.has_default {
            continue;
        }
        if column.sql_type == "uuid" {
            generated.push((column.name.clone(), "pg_catalog.gen_random_uuid()"));
        } else {
            problems.push(format!(
                "nothing fills {} in the key of {} when a version is split: give it a default",
                column.name, table.id
            ));
        }
    }
    generated
}

/// The columns of an entity, as SeaORM selects them.
///
/// An infinite end is read as NULL, a version without an end. No Rust type represents an infinite start: NULL
/// there is an error instead of a panic.
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

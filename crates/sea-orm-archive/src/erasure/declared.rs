//! What an entity declares about personal data, compared with the rules of its table.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, Statement};
use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::compare::{Finding, registered};
use serde::Deserialize;

use super::{PersonalData, Replacement};
use crate::catalog;
use crate::check::{require_version, rows};
use crate::entity::DeclaredName;
use crate::error::{Error, unexpected_answer};
use crate::exec::{Executor, begin, check_backend};

/// An entity that declares the personal data of its table.
///
/// Derive it with `DerivePersonalData`. An erasure follows the rules in the database, which migrations declare: with
/// `manager.declare_personal_data_of::<Entity>()` those of the entity.
#[diagnostic::on_unimplemented(
    message = "`{Self}` declares no personal data",
    note = "derive `DerivePersonalData` on its Model"
)]
pub trait DeclaresPersonalData: EntityTrait {
    /// The rules that the attributes of the entity declare.
    fn personal_data() -> Vec<PersonalData>;

    /// Compares what the entity declares with the rules in the database, and returns every difference: a rule that one of them lacks, and another
    /// replacement of a column.
    ///
    /// ```no_run
    /// # async fn run<UserEntity: sea_orm_archive::DeclaresPersonalData>(db: sea_orm::DatabaseConnection) -> Result<(), sea_orm_archive::Error> {
    /// for finding in UserEntity::check_personal_data(&db).await? {
    ///     eprintln!("{finding}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// ```sql
    /// SELECT archive.describe(..);              -- the table and those that its rows belong to
    /// SELECT .. FROM archive.personal_data ..;
    /// ```
    ///
    /// # Errors
    ///
    /// As [`check`](crate::check()).
    fn check_personal_data<C>(db: &C) -> impl Future<Output = Result<Vec<Finding>, Error>> + Send
    where
        C: Executor,
    {
        compare(db, DeclaredName::of::<Self>(), Self::personal_data())
    }
}

/// A rule of the database.
#[derive(Deserialize)]
struct Rule {
    /// The oid of the parent.
    parent: Option<i64>,
    parent_name: Option<String>,
    links: Vec<String>,
    columns: Vec<RuleColumn>,
    deletes_rows: bool,
    is_actor: bool,
}

#[derive(Deserialize)]
struct RuleColumn {
    name: String,
    /// As `archive.exact_text` writes it.
    constant: Option<String>,
    is_pseudonym: bool,
    identifies: bool,
}

/// What an erasure changes, and what it becomes, as text.
type Items = BTreeMap<String, String>;

impl Rule {
    fn items(&self) -> Items {
        let columns = self.columns.iter().map(|column| {
            let replacement = match &column.constant {
                _ if column.is_pseudonym => Replacement::Pseudonym,
                Some(exact) => Replacement::Constant(exact.clone()),
                None => Replacement::Null,
            };
            (
                item(&column.name),
                described(&replacement, column.identifies),
            )
        });
        let mut items = columns.collect();
        flag(&mut items, self.deletes_rows, self.is_actor);
        items
    }
}

async fn compare<C: Executor>(
    db: &C,
    name: DeclaredName,
    declared: Vec<PersonalData>,
) -> Result<Vec<Finding>, Error> {
    check_backend(db)?;
    let transaction = begin(db).await?;
    let found = findings(&transaction, &name, &declared).await;
    transaction.rollback().await?;
    found
}

async fn findings(
    db: &DatabaseTransaction,
    name: &DeclaredName,
    declared: &[PersonalData],
) -> Result<Vec<Finding>, Error> {
    require_version(db).await?;
    let parents = declared.iter().filter_map(|data| data.parent.as_ref());
    let parents: Vec<_> = parents.map(DeclaredName::from).collect();
    let names = std::iter::once(name).chain(&parents);
    let names: Vec<_> = names.map(DeclaredName::quoted).collect();
    let mut tables = catalog::read(db, &names).await?.into_iter();
    let Some(table) = tables.next().flatten() else {
        let problem = "does not exist, and its entity declares personal data";
        return Ok(vec![Finding::new(
            name,
            problem,
            "create it in a migration",
        )]);
    };
    let parents: BTreeMap<_, _> = parents.into_iter().zip(tables).collect();
    rows(db, registered::SETTINGS).await?;
    let mut rules = rules_of(db, table.id.oid).await?;
    let mut found = Vec::new();
    for data in declared {
        let parent = data.parent.as_ref().map(DeclaredName::from);
        let whose = whose(parent.as_ref().map(ToString::to_string), &data.links);
        let oid = parent.and_then(|parent| Some(parents.get(&parent)?.as_ref()?.id.oid));
        let is_same = |rule: &Rule| {
            rule.links == data.links && rule.parent == oid && oid.is_some() == data.parent.is_some()
        };
        let Some(at) = rules.iter().position(is_same) else {
            found.push(Finding::new(
                &table.id,
                format!("has no rule for personal data {whose}, which its entity declares"),
                "call manager.declare_personal_data(..) in a migration, or change the entity",
            ));
            continue;
        };
        let registered = rules.remove(at).items();
        let declared = items_of(db, &table, data, &registered).await?;
        found.extend(differences(&table, &whose, &declared, &registered));
    }
    found.extend(rules.into_iter().map(|rule| {
        let whose = whose(rule.parent_name, &rule.links);
        Finding::new(
            &table.id,
            format!("has a rule for personal data {whose}, which its entity does not declare"),
            "declare it in the entity, or call manager.drop_personal_data(..) in a migration",
        )
    }));
    found.sort();
    Ok(found)
}

fn whose(parent: Option<String>, links: &[String]) -> String {
    match parent {
        Some(parent) => format!("of rows that belong to {parent} by ({})", links.join(", ")),
        None => "of persons".to_owned(),
    }
}

fn differences(table: &Table, whose: &str, declared: &Items, registered: &Items) -> Vec<Finding> {
    let items: BTreeSet<_> = declared.keys().chain(registered.keys()).collect();
    let differing = items.into_iter().filter_map(|item| {
        let is = registered.get(item).map_or("unchanged", String::as_str);
        let should = declared.get(item).map_or("unchanged", String::as_str);
        (is != should).then(|| {
            Finding::new(
                &table.id,
                format!("has another rule for personal data {whose} than its entity declares: {item} becomes {is}, and not {should}"),
                "call manager.declare_personal_data(..) in a migration, or change the entity",
            )
        })
    });
    differing.collect()
}

async fn rules_of(db: &DatabaseTransaction, table: i64) -> Result<Vec<Rule>, Error> {
    let sql = registered::PERSONAL_DATA;
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [table.into()]);
    match db.query_one_raw(statement).await? {
        Some(row) => serde_json::from_value(row.try_get("", "rules")?).map_err(unexpected_answer),
        None => Ok(Vec::new()),
    }
}

/// What an entity declares. Where the text of a constant is not that of the rule, it is read by the type of the column, as the migration did.
async fn items_of(
    db: &DatabaseTransaction,
    table: &Table,
    data: &PersonalData,
    registered: &Items,
) -> Result<Items, Error> {
    let mut items = BTreeMap::new();
    for (column, replacement) in &data.columns {
        let identifies = data.identifying.contains(column);
        let mut text = described(replacement, identifies);
        if let (Replacement::Constant(value), Some(found)) = (replacement, table.column(column))
            && registered.get(&item(column)) != Some(&text)
            && let Some(exact) = exact(db, value, &found.sql_type).await?
        {
            text = described(&Replacement::Constant(exact), identifies);
        }
        items.insert(item(column), text);
    }
    flag(&mut items, data.deletes_rows, data.is_actor);
    Ok(items)
}

fn item(column: &str) -> String {
    format!("the column {column}")
}

fn described(replacement: &Replacement, identifies: bool) -> String {
    let text = match replacement {
        Replacement::Null => "NULL".to_owned(),
        Replacement::Constant(value) => format!("{value:?}"),
        Replacement::Pseudonym => "a pseudonym".to_owned(),
    };
    match identifies {
        true => format!("{text} (identifying)"),
        false => text,
    }
}

fn flag(items: &mut Items, deletes_rows: bool, is_actor: bool) {
    if deletes_rows {
        items.insert("each row".to_owned(), "deleted".to_owned());
    }
    if is_actor {
        items.insert("the actor of the person".to_owned(), "erased".to_owned());
    }
}

/// A value of a type as the register contains it; `None` where the text is not a value of the type.
async fn exact(
    db: &DatabaseTransaction,
    value: &str,
    sql_type: &str,
) -> Result<Option<String>, Error> {
    let statement = Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!("SELECT archive.exact_text($1::text::{sql_type}) AS exact"),
        [value.into()],
    );
    let savepoint = begin(db).await?;
    let answer = savepoint.query_one_raw(statement).await;
    savepoint.rollback().await?;
    match answer {
        Ok(Some(row)) => Ok(row.try_get("", "exact")?),
        _ => Ok(None),
    }
}

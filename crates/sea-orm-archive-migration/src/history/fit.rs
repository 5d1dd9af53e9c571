//! Whether an existing table fits the definition of a history.

use sea_orm_archive_postgres::catalog::{Column, Table};
use sea_orm_migration::{DbErr, sea_query::IntoTableRef};

use crate::{
    history::{model::IdentityColumn, options::HistoryTable},
    work::Work,
};

/// The table that the definition describes. It exists only while it is compared.
const EXPECTED: &str = "expected history";

/// Refuses `found` where it differs from `wanted` in more than constraints, which can be added.
///
/// Another key is accepted unless the definition declares one, and so are additional columns.
pub(crate) async fn verify(
    work: &Work,
    found: &Table,
    wanted: &HistoryTable,
    identity: &[IdentityColumn],
) -> Result<(), DbErr> {
    let refuse = |reason: String| {
        Err(DbErr::Migration(format!(
            "there is a {} already, and it does not fit as a history: {reason}; change it to fit, or give the \
             history another name",
            found.id
        )))
    };
    if found.kind != "r" || found.is_partition || found.has_inheritors {
        return refuse("it is not a plain table".to_owned());
    }
    if found.key.is_empty() {
        return refuse("it has no primary key".to_owned());
    }
    for column in expected(work, wanted, identity).await? {
        if let Some(reason) = difference(&column, found.column(&column.name)) {
            return refuse(reason);
        }
    }
    Ok(())
}

/// The columns as PostgreSQL understands the definition.
async fn expected(
    work: &Work,
    wanted: &HistoryTable,
    identity: &[IdentityColumn],
) -> Result<Vec<Column>, DbErr> {
    let name = format!("archive.\"{EXPECTED}\"");
    work.execute(&wanted.create(("archive", EXPECTED).into_table_ref(), identity))
        .await?;
    let table = work.existing_table(&name).await?;
    work.run(&format!("DROP TABLE {name}")).await?;
    let key_is_free = wanted.key.is_none();
    let columns = table.columns.into_iter();
    Ok(columns
        .filter(|column| !(key_is_free && table.key.iter().any(|key| key.name == column.name)))
        .collect())
}

/// The reason why `found` cannot hold the values of `expected`.
fn difference(expected: &Column, found: Option<&Column>) -> Option<String> {
    let name = &expected.name;
    let null = |not_null| if not_null { "NOT NULL" } else { "nullable" };
    let Some(found) = found else {
        return Some(format!("it lacks the column \"{name}\""));
    };
    if !found.same_type(expected) {
        return Some(format!(
            "its column \"{name}\" is {}, and not {}",
            described(found),
            described(expected)
        ));
    }
    if found.not_null != expected.not_null {
        return Some(format!(
            "its column \"{name}\" is {}, and not {}",
            null(found.not_null),
            null(expected.not_null)
        ));
    }
    found
        .generated
        .then(|| format!("its column \"{name}\" is generated"))
}

/// The type, with the collation if it has one: two columns may differ in nothing else.
fn described(column: &Column) -> String {
    match column.collation {
        0 => column.sql_type.clone(),
        collation => format!("{} (collation {collation})", column.sql_type),
    }
}

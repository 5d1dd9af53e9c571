//! Changing a table and its archive table together.

use std::collections::BTreeMap;

use sea_orm_archive_postgres::catalog::{ArchiveTable, Table};
use sea_orm_migration::{
    DbErr,
    sea_query::{PostgresQueryBuilder, TableAlterStatement},
};

use crate::{
    archive_table::{follow, sync},
    name::quote,
    work::Work,
};

/// The columns of a table by their number, which no ALTER TABLE changes: a renamed column has the same number, and a
/// column that was dropped and added again has another one.
type Columns = BTreeMap<i16, String>;

/// The names of the constraints of a table.
#[derive(PartialEq, Eq)]
struct Constraints(Vec<String>);

/// Applies `statement` to its table, and its changes of the columns to the archive table.
///
/// These changes are read from the catalog, and not from the statement: foreign keys, identities, defaults and
/// unique constraints belong to the table alone, and never reach the archive table. Returns the table as it is now.
pub(crate) async fn apply(work: &Work, statement: &TableAlterStatement) -> Result<Table, DbErr> {
    let name = table_of(statement)?;
    let before = work.existing_table(&name).await?;
    let archive_table = before.archive_table.clone().ok_or_else(|| {
        DbErr::Migration(format!(
            "{} has no archive table: call `manager.alter_table(..)`, or `manager.archive_existing_table(..)` first",
            before.id
        ))
    })?;
    let columns_before = columns(work, &before).await?;
    let constraints_before = constraints(work, &before).await?;
    follow::lift(work, &before.id).await?;
    work.execute(statement).await?;
    let after = work.existing_table(&before.id.sql()).await?;
    let columns_after = columns(work, &after).await?;
    let converts = statement
        .to_string(PostgresQueryBuilder)
        .contains(" USING ");
    if converts && has_changed_type(&before, &after) {
        let only = columns_before == columns_after
            && constraints_before == constraints(work, &after).await?;
        convert(work, statement, &archive_table, only).await?;
    } else {
        rename_and_drop(work, &archive_table, &columns_before, &columns_after).await?;
    }
    if after.key.is_empty() {
        return Err(DbErr::Migration(format!(
            "{} would have no primary key, so archived rows could not be identified",
            after.id
        )));
    }
    sync::columns(work, &after, &archive_table).await?;
    Ok(after)
}

/// The name of the table of a statement, as SQL text.
///
/// The statement has no accessor for it, so its text is compared with the text of the same statement with a known name.
/// Rendering a statement without any action panics, so a constraint to drop is added.
pub(crate) fn table_of(statement: &TableAlterStatement) -> Result<String, DbErr> {
    let mut probe = statement.clone();
    let sql = probe.drop_constraint("").to_string(PostgresQueryBuilder);
    let known = probe.table("t").to_string(PostgresQueryBuilder);
    let actions = known.strip_prefix("ALTER TABLE \"t\" ").unwrap_or_default();
    if actions.starts_with("DROP CONSTRAINT \"\"") {
        return Err(DbErr::Migration(
            "alter_archived_table was called with a statement that changes nothing".to_owned(),
        ));
    }
    sql.strip_suffix(actions)
        .and_then(|sql| sql.strip_prefix("ALTER TABLE "))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .ok_or_else(|| {
            DbErr::Migration(
                "alter_archived_table was called with a statement that names no table".to_owned(),
            )
        })
}

fn has_changed_type(before: &Table, after: &Table) -> bool {
    before.columns.iter().any(|column| {
        let now = after.column(&column.name);
        now.is_some_and(|now| !now.same_type(column))
    })
}

/// Applies a conversion with USING to the archive table: only the statement knows the expression.
async fn convert(
    work: &Work,
    statement: &TableAlterStatement,
    archive_table: &ArchiveTable,
    only: bool,
) -> Result<(), DbErr> {
    if !only {
        return Err(DbErr::Migration(format!(
            "the archive table {} needs the USING of this statement, but not its other changes: change the type with USING in a \
             separate statement",
            archive_table.id
        )));
    }
    let mut for_archive_table = statement.clone();
    for_archive_table.table((
        archive_table.id.schema.clone(),
        archive_table.id.table.clone(),
    ));
    work.execute(&for_archive_table).await
}

async fn rename_and_drop(
    work: &Work,
    archive_table: &ArchiveTable,
    before: &Columns,
    after: &Columns,
) -> Result<(), DbErr> {
    let alter = format!("ALTER TABLE {}", archive_table.id.sql());
    for (number, name) in before {
        let name = quote(name);
        match after.get(number).map(|now| quote(now)) {
            None => {
                work.run(&format!("{alter} DROP COLUMN IF EXISTS {name}"))
                    .await?;
            }
            Some(now) if now != name => {
                work.run(&format!("{alter} RENAME COLUMN {name} TO {now}"))
                    .await?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

async fn columns(work: &Work, table: &Table) -> Result<Columns, DbErr> {
    let rows = work
        .rows(
            "SELECT attnum, attname::text AS name FROM pg_catalog.pg_attribute
             WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped",
            [table.id.oid.into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "attnum")?, row.try_get("", "name")?)))
        .collect()
}

async fn constraints(work: &Work, table: &Table) -> Result<Constraints, DbErr> {
    let rows = work
        .rows(
            "SELECT conname::text AS name FROM pg_catalog.pg_constraint WHERE conrelid = $1::bigint::oid
             ORDER BY name",
            [table.id.oid.into()],
        )
        .await?;
    let names: Result<_, DbErr> = rows.iter().map(|row| row.try_get("", "name")).collect();
    Ok(Constraints(names?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm_migration::sea_query::{ColumnDef, Table};

    #[test]
    fn table_name_is_read_from_the_text_of_the_statement() {
        let column = || ColumnDef::new("t").integer().to_owned();
        for (mut alter, name) in [
            (Table::alter().table("t").to_owned(), r#""t""#),
            (
                Table::alter().table("we\"ird name").to_owned(),
                r#""we""ird name""#,
            ),
            (
                Table::alter().table(("a.b", "c")).to_owned(),
                r#""a.b"."c""#,
            ),
        ] {
            assert_eq!(table_of(alter.add_column(column())).unwrap(), name);
        }
    }

    #[test]
    fn statement_without_table_or_change_is_an_error_and_no_panic() {
        assert!(table_of(&TableAlterStatement::new()).is_err());
        assert!(table_of(Table::alter().table("t")).is_err());
        assert!(table_of(Table::alter().drop_column("t")).is_err());
    }
}

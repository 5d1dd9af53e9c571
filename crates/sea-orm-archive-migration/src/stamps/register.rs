//! `archive.stamped_table`: the stamped tables and the columns of their stamps.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    name::{derived, literal, names, quote},
    stamps::options::Stamps,
    table_names,
    work::Work,
};

/// A stamped table.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: i64,
    pub(crate) stamps: Stamps,
    /// The columns whose default `stamp_table` set.
    pub(crate) defaults: Vec<String>,
    /// The function of the trigger, in the schema `archive`.
    pub(crate) function: String,
    /// The table as SQL text; empty where it was dropped.
    pub(crate) table: String,
}

impl Registered {
    /// The function as SQL text.
    pub(crate) fn function_sql(&self) -> String {
        format!("archive.{}", quote(&self.function))
    }
}

/// Whether the register exists.
pub(crate) async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.stamped_table') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

/// The stamps of a table, where it has some.
pub(crate) async fn find(work: &Work, table: &TableId) -> Result<Option<Registered>, DbErr> {
    let found = select(work, &format!("r.stamped = {}", table.oid)).await?;
    Ok(found.into_iter().next())
}

/// The stamped tables that exist.
pub(crate) async fn live(work: &Work) -> Result<Vec<Registered>, DbErr> {
    select(work, "c.oid IS NOT NULL").await
}

async fn select(work: &Work, condition: &str) -> Result<Vec<Registered>, DbErr> {
    let sql = format!(
        "SELECT r.id, r.created_at::text AS created_at, r.created_by::text AS created_by,
                r.updated_at::text AS updated_at, r.updated_by::text AS updated_by,
                r.defaults::text[] AS defaults, r.function::text AS function,
                CASE WHEN c.oid IS NULL THEN '' ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END AS table_name
         FROM archive.stamped_table AS r
         LEFT JOIN pg_catalog.pg_class AS c ON c.oid = r.stamped
         LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE {condition} ORDER BY r.id"
    );
    let rows = work.rows(&sql, []).await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<Registered, DbErr> {
    Ok(Registered {
        id: row.try_get("", "id")?,
        stamps: Stamps {
            created_at: row.try_get("", "created_at")?,
            created_by: row.try_get("", "created_by")?,
            updated_at: row.try_get("", "updated_at")?,
            updated_by: row.try_get("", "updated_by")?,
        },
        defaults: row.try_get("", "defaults")?,
        function: row.try_get("", "function")?,
        table: row.try_get("", "table_name")?,
    })
}

/// Registers the stamps of a table. The name of its function contains the id of the record, so that two tables of the
/// same name have different functions.
pub(crate) async fn add(
    work: &Work,
    table: &TableId,
    stamps: &Stamps,
) -> Result<Registered, DbErr> {
    let id: i64 = work
        .row(
            "SELECT pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('archive.stamped_table', 'id')) AS id",
            [],
        )
        .await?
        .try_get("", "id")?;
    let registered = Registered {
        id,
        stamps: stamps.clone(),
        defaults: Vec::new(),
        function: derived(&table.table, &format!("_{id}_stamp")),
        table: table.sql(),
    };
    let name = |column: &Option<String>| column.as_deref().map_or("NULL".to_owned(), literal);
    work.run(&format!(
        "INSERT INTO archive.stamped_table
             (id, stamped, created_at, created_by, updated_at, updated_by, defaults, function)
         VALUES ({id}, {}, {}, {}, {}, {}, '{{}}', {})",
        table.oid,
        name(&stamps.created_at),
        name(&stamps.created_by),
        name(&stamps.updated_at),
        name(&stamps.updated_by),
        literal(&registered.function),
    ))
    .await?;
    table_names::note(work).await?;
    Ok(registered)
}

/// Records that `stamp_table` set the defaults of these columns.
pub(crate) async fn own_defaults(work: &Work, id: i64, columns: &[String]) -> Result<(), DbErr> {
    work.run(&format!(
        "UPDATE archive.stamped_table SET defaults = {} WHERE id = {id}",
        names(columns)
    ))
    .await
}

/// Removes a table from the register, and drops the function of its stamps together with the trigger.
pub(crate) async fn remove(work: &Work, registered: &Registered) -> Result<(), DbErr> {
    // Only the trigger depends on the function, so CASCADE drops nothing else.
    work.run(&format!(
        "DROP FUNCTION IF EXISTS {}() CASCADE",
        registered.function_sql()
    ))
    .await?;
    work.run_with(
        "DELETE FROM archive.stamped_table WHERE id = $1",
        [registered.id.into()],
    )
    .await
}

/// Removes the tables that were dropped without the migration helpers, and whose name no table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    if !is_installed(work).await? {
        return Ok(());
    }
    forget(work, "archive.is_dropped(r.stamped)").await
}

/// Removes dropped tables that `table` replaced.
pub(crate) async fn take_over(work: &Work, table: &TableId) -> Result<(), DbErr> {
    forget(
        work,
        &format!("archive.is_dropped(r.stamped, {}::oid)", table.oid),
    )
    .await
}

async fn forget(work: &Work, condition: &str) -> Result<(), DbErr> {
    for registered in select(work, condition).await? {
        remove(work, &registered).await?;
    }
    Ok(())
}

/// Refuses to uninstall while a table is stamped: its defaults run a function of the archive.
pub(crate) async fn refuse_stamped(work: &Work) -> Result<(), DbErr> {
    if !is_installed(work).await? {
        return Ok(());
    }
    forget_dropped(work).await?;
    match live(work).await?.first() {
        None => Ok(()),
        Some(stamped) => Err(DbErr::Migration(format!(
            "{} is stamped, and its stamps need functions of the archive: remove them first, with \
             `manager.unstamp_table(..)`",
            stamped.table
        ))),
    }
}

//! `archive.audited_table`: which tables are audited, and how.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{
    name::{literal, names},
    work::Work,
};

/// An audited table.
#[derive(Clone, Debug)]
pub(crate) struct Audited {
    pub(crate) id: i32,
    /// The table as SQL text.
    pub(crate) relation: String,
    /// Its name in the entries.
    pub(crate) name: String,
    /// Columns by number, which renaming does not change.
    pub(crate) excluded: Vec<i16>,
    /// The same by name, which a dump and restore does not change.
    pub(crate) excluded_names: Vec<String>,
    /// The names that redacted columns have now, and columns that are computed from them.
    pub(crate) redacted: Vec<String>,
    /// The columns that may or may not be redacted.
    pub(crate) unattributed: Vec<String>,
    /// The number of the tenant column.
    pub(crate) tenant: Option<i16>,
}

/// Refuses where `install_audit` has not run.
pub(crate) async fn require(work: &Work) -> Result<(), DbErr> {
    if is_installed(work).await? {
        return Ok(());
    }
    Err(DbErr::Migration(
        "there is no audit log in this database: call `manager.install_audit()` first (`sea-orm-archive generate --audit TABLE` writes a migration with both calls)".to_owned(),
    ))
}

/// Whether the log exists.
pub(crate) async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.audited_table') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

const QUERY: &str =
    "SELECT r.id, pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation, r.table_name,
           r.excluded, r.excluded_names, archive.audit_hidden(r.id, false) AS redacted,
           archive.audit_unattributed(r.id) AS unattributed,
           -- By its name first: a dump and restore renumbers columns.
           coalesce((SELECT a.attnum FROM pg_catalog.pg_attribute AS a
                     WHERE a.attrelid = r.relation AND a.attname = r.tenant_name AND NOT a.attisdropped AND r.tenant IS NOT NULL),
                    r.tenant) AS tenant
    FROM archive.audited_table AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace";

/// All audited tables.
pub(crate) async fn tables(work: &Work) -> Result<Vec<Audited>, DbErr> {
    let rows = work.rows(&format!("{QUERY} ORDER BY r.id"), []).await?;
    rows.iter().map(read).collect()
}

/// What is registered of `table`.
pub(crate) async fn find(work: &Work, table: &TableId) -> Result<Option<Audited>, DbErr> {
    let sql = format!("{QUERY} WHERE r.relation = $1::bigint::oid");
    let rows = work.rows(&sql, [table.oid.into()]).await?;
    rows.first().map(read).transpose()
}

fn read(row: &QueryResult) -> Result<Audited, DbErr> {
    Ok(Audited {
        id: row.try_get("", "id")?,
        relation: row.try_get("", "relation")?,
        name: row.try_get("", "table_name")?,
        excluded: row.try_get("", "excluded")?,
        excluded_names: row.try_get("", "excluded_names")?,
        redacted: row.try_get("", "redacted")?,
        unattributed: row.try_get("", "unattributed")?,
        tenant: row.try_get("", "tenant")?,
    })
}

/// Registers `table`, or changes what is registered of it; `audited_since` does not change. Where another audited table
/// was registered under the same name, the oid is appended to the name.
pub(crate) async fn put(
    work: &Work,
    table: &TableId,
    excluded: &[String],
    redacted: &[String],
) -> Result<(), DbErr> {
    work.run(&format!(
        "INSERT INTO archive.audited_table (relation, table_name, excluded, redacted, excluded_names, redacted_names, ever_excluded, audited_since, shape)
         VALUES ({oid}, {name} || CASE WHEN EXISTS (SELECT FROM archive.audited_table AS other
                                                    WHERE other.table_name = {name} AND other.relation <> {oid})
                                  THEN ' ({oid})' ELSE '' END,
                 {excluded}, {redacted}, {excluded_names}::text[], {redacted_names}::text[], {excluded_names}::text[],
                 pg_catalog.clock_timestamp(), '')
         ON CONFLICT (relation) DO UPDATE
         SET excluded = EXCLUDED.excluded, redacted = EXCLUDED.redacted, excluded_names = EXCLUDED.excluded_names,
             redacted_names = EXCLUDED.redacted_names,
             ever_excluded = ARRAY(SELECT DISTINCT pg_catalog.unnest(archive.audited_table.ever_excluded || EXCLUDED.ever_excluded))",
        oid = table.oid,
        name = literal(&table.to_string()),
        excluded = numbers(table, excluded),
        redacted = numbers(table, redacted),
        excluded_names = names(excluded),
        redacted_names = names(redacted),
    ))
    .await?;
    work.run(&format!(
        "SELECT archive.audit_record_names(r.id) FROM archive.audited_table AS r WHERE r.relation = {}",
        table.oid
    ))
    .await
}

/// The numbers of the columns of these names, as an SQL value.
fn numbers(table: &TableId, columns: &[String]) -> String {
    format!(
        "ARRAY(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname = ANY ({}) ORDER BY attnum)",
        table.oid,
        names(columns)
    )
}

/// Stores the columns that the trigger functions were written for, of the table and of its archive table, and which are
/// redacted or hold the tenant.
pub(crate) async fn put_shapes(work: &Work, audited: &Audited) -> Result<(), DbErr> {
    let sql = "UPDATE archive.audited_table AS r
         SET shape = archive.audit_shape(r.relation), tenant = $2,
             redacted_names = $3,
             redacted = ARRAY(SELECT c.attnum FROM pg_catalog.pg_attribute AS c
                              WHERE c.attrelid = r.relation AND c.attname = ANY ($3) AND NOT c.attisdropped ORDER BY c.attnum),
             tenant_name = (SELECT c.attname FROM pg_catalog.pg_attribute AS c WHERE c.attrelid = r.relation AND c.attnum = $2),
             archive_table_shape = (SELECT archive.audit_shape(a.archive_table) FROM archive.archived_table AS a WHERE a.active = r.relation)
         WHERE r.id = $1";
    work.run_with(
        sql,
        [
            audited.id.into(),
            audited.tenant.into(),
            audited.redacted.clone().into(),
        ],
    )
    .await?;
    work.run(&format!(
        "SELECT archive.audit_record_names({})",
        audited.id
    ))
    .await
}

/// Removes a table from the register.
pub(crate) async fn remove(work: &Work, id: i32) -> Result<(), DbErr> {
    work.run_with(
        "DELETE FROM archive.audited_table WHERE id = $1",
        [id.into()],
    )
    .await
}

/// The registered tables that were dropped without the migration helpers, and whose name no table has except
/// `taken_over_by`.
pub(crate) async fn dropped(work: &Work, taken_over_by: Option<i64>) -> Result<Vec<i32>, DbErr> {
    let sql = "SELECT id FROM archive.audited_table AS r WHERE archive.is_dropped(r.relation, $1::bigint::oid)";
    let rows = work.rows(sql, [taken_over_by.into()]).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

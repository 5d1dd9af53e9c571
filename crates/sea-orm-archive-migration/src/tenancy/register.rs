//! `archive.tenancy`: the tables under tenancy. `archive.tenancy_object`: the objects that tenancy created.

use sea_orm_archive_postgres::catalog::TableId;
use sea_orm_archive_postgres::schema;
use sea_orm_migration::{DbErr, sea_orm::QueryResult};

use crate::{name::quote, table_names, tenancy::options::Tenancy, work::Work};

/// A table under tenancy.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// The tenant column, under its current name.
    pub(crate) column: String,
    pub(crate) administrator: Option<String>,
}

/// A table that holds rows of one under tenancy: itself, a partition, an archive table, a history.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) oid: i64,
    /// As SQL text.
    pub(crate) name: String,
    pub(crate) owner: String,
    /// `table`, `history`, `archive_table` or `partition`.
    pub(crate) what: String,
    pub(crate) is_archived: bool,
    /// Partitions get the row triggers of their table from PostgreSQL.
    pub(crate) is_partition: bool,
    pub(crate) is_partitioned: bool,
    /// The name that the tenant column should have here.
    pub(crate) wanted: Option<String>,
    /// The tenant column, where it exists with the right type and NOT NULL.
    pub(crate) column: Option<String>,
}

impl Member {
    /// An active table, with all of its partitions.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_archived && !self.is_partition
    }
}

/// Whether the register exists.
pub(crate) async fn is_installed(work: &Work) -> Result<bool, DbErr> {
    let sql = "SELECT pg_catalog.to_regclass('archive.tenancy_object') IS NOT NULL AS installed";
    work.row(sql, []).await?.try_get("", "installed")
}

/// Removes the tables that were dropped and whose name no table has.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    work.run(
        "DELETE FROM archive.tenancy AS r WHERE archive.is_dropped(r.relation);
         -- A table that replaced an archive table or a history is protected together with its active table.
         DELETE FROM archive.tenancy_object AS r
         WHERE archive.is_dropped(r.relation)
            OR archive.is_dropped(r.relation, archive.successor(r.relation))
               AND NOT EXISTS (SELECT FROM archive.tenancy AS t WHERE t.relation = r.relation)
               AND EXISTS (SELECT FROM archive.tenancy_object AS o WHERE o.relation = archive.successor(r.relation))",
    )
    .await
}

/// Removes dropped tables that `table` replaced.
pub(crate) async fn take_over(work: &Work, table: &TableId) -> Result<(), DbErr> {
    for register in ["tenancy", "tenancy_object"] {
        let sql = format!(
            "DELETE FROM archive.{register} AS r WHERE archive.is_dropped(r.relation, $1::bigint::oid)"
        );
        work.run_with(&sql, [table.oid.into()]).await?;
    }
    Ok(())
}

/// What is registered of `table`.
pub(crate) async fn find(work: &Work, table: &TableId) -> Result<Option<Registered>, DbErr> {
    let rows = work
        .rows(
            "SELECT s.wanted_column::text AS column_name, t.administrator::text AS administrator
             FROM archive.tenancy AS t
             JOIN archive.tenancy_scope AS s ON s.relation = t.relation AND s.what = 'table' AND s.wanted_column IS NOT NULL
             WHERE t.relation = $1::bigint::oid",
            [table.oid.into()],
        )
        .await?;
    let read = |row: &QueryResult| {
        Ok(Registered {
            column: row.try_get("", "column_name")?,
            administrator: row.try_get("", "administrator")?,
        })
    };
    rows.first().map(read).transpose()
}

/// Registers `table`, with the number of its tenant column.
pub(crate) async fn put(
    work: &Work,
    table: &TableId,
    number: i16,
    wanted: &Tenancy,
) -> Result<(), DbErr> {
    work.run_with(
        "INSERT INTO archive.tenancy (relation, tenant, tenant_name, administrator)
         VALUES ($1::bigint::oid, $2, $3::text, $4::text)
         ON CONFLICT (relation) DO UPDATE
         SET tenant = EXCLUDED.tenant, tenant_name = EXCLUDED.tenant_name, administrator = EXCLUDED.administrator",
        [
            table.oid.into(),
            number.into(),
            wanted.column.as_str().into(),
            wanted.administrator.as_deref().into(),
        ],
    )
    .await?;
    table_names::note(work).await
}

/// Stores the current name of the tenant column of `table`, and renames the columns that tenancy added to its histories.
/// Under its old name, it would be mistaken for a new column of that name.
pub(crate) async fn follow(work: &Work, table: &TableId, column: &str) -> Result<(), DbErr> {
    let renames = schema::tenancy::RENAME;
    work.run_each(renames, [table.oid.into()]).await?;
    work.run_with(
        "UPDATE archive.tenancy_object AS o SET name = s.wanted_column
         FROM archive.tenancy_scope AS s
         WHERE o.relation = s.relation AND o.kind IN ('column', 'default') AND o.name <> s.wanted_column
           AND s.origin = $1::bigint::oid",
        [table.oid.into()],
    )
    .await?;
    work.run_with(
        "UPDATE archive.tenancy AS t SET tenant = a.attnum, tenant_name = a.attname
         FROM pg_catalog.pg_attribute AS a
         WHERE t.relation = $1::bigint::oid AND a.attrelid = t.relation AND a.attname = $2::text",
        [table.oid.into(), column.into()],
    )
    .await
}

/// Removes `table` from the register.
pub(crate) async fn remove(work: &Work, table: &TableId) -> Result<(), DbErr> {
    work.run_with(
        "DELETE FROM archive.tenancy WHERE relation = $1::bigint::oid",
        [table.oid.into()],
    )
    .await
}

/// Whether any table is under tenancy, and the administrator, if one is declared and the role exists.
pub(crate) async fn administrator(work: &Work) -> Result<(bool, Option<String>), DbErr> {
    let row = work
        .row(
            "SELECT pg_catalog.count(*) > 0 AS any_table, pg_catalog.min(r.rolname::text) AS administrator
             FROM archive.tenancy AS t LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = t.administrator",
            [],
        )
        .await?;
    Ok((
        row.try_get("", "any_table")?,
        row.try_get("", "administrator")?,
    ))
}

/// The tables under tenancy whose rows `relation` holds.
pub(crate) async fn origins(work: &Work, relation: &TableId) -> Result<Vec<String>, DbErr> {
    let rows = work
        .rows(
            "SELECT DISTINCT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
             FROM archive.tenancy_scope AS s
             JOIN pg_catalog.pg_class AS c ON c.oid = s.origin
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE s.relation = $1::bigint::oid ORDER BY name",
            [relation.oid.into()],
        )
        .await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

/// The oids of the tables under tenancy.
pub(crate) async fn tables(work: &Work) -> Result<Vec<i64>, DbErr> {
    let rows = work
        .rows(
            "SELECT t.relation::oid::bigint AS oid FROM archive.tenancy AS t ORDER BY t.relation",
            [],
        )
        .await?;
    rows.iter().map(|row| row.try_get("", "oid")).collect()
}

/// Every table that holds rows of the table with this oid, itself first.
pub(crate) async fn members(work: &Work, table: i64) -> Result<Vec<Member>, DbErr> {
    let rows = work
        .rows(
            "SELECT s.relation::bigint AS oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name,
                    pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, s.what, c.relispartition AS is_partition,
                    c.relkind = 'p' AS is_partitioned, s.what = 'archive_table' AS is_archived, s.wanted_column::text AS wanted_column,
                    s.tenant_column::text AS tenant_column
             FROM archive.tenancy_scope AS s
             JOIN pg_catalog.pg_class AS c ON c.oid = s.relation
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE s.origin = $1::bigint::oid
             ORDER BY s.what <> 'table', c.relispartition, s.relation",
            [table.into()],
        )
        .await?;
    let read = |row: &QueryResult| {
        Ok(Member {
            oid: row.try_get("", "oid")?,
            name: row.try_get("", "name")?,
            owner: row.try_get("", "owner")?,
            what: row.try_get("", "what")?,
            is_partition: row.try_get("", "is_partition")?,
            is_partitioned: row.try_get("", "is_partitioned")?,
            is_archived: row.try_get("", "is_archived")?,
            wanted: row.try_get("", "wanted_column")?,
            column: row.try_get("", "tenant_column")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The histories of `table`, as SQL text.
pub(crate) async fn histories(work: &Work, table: &TableId) -> Result<Vec<String>, DbErr> {
    let rows = work
        .rows(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
             FROM archive.history_table AS h
             JOIN pg_catalog.pg_class AS c ON c.oid = h.history
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE h.identity = $1::bigint::oid ORDER BY h.history",
            [table.oid.into()],
        )
        .await?;
    rows.iter().map(|row| row.try_get("", "name")).collect()
}

/// Stores the definitions of the policies, triggers and functions on `relation`, for the check to compare with. The
/// `search_path` is such that every name in them is qualified.
pub(crate) async fn record_objects(work: &Work, relation: i64) -> Result<(), DbErr> {
    work.run_with(
        "DELETE FROM archive.tenancy_object WHERE relation = $1::bigint::oid AND kind IN ('policy', 'trigger', 'function')",
        [relation.into()],
    )
    .await?;
    work.rows(
        "INSERT INTO archive.tenancy_object (relation, kind, name, definition)
         SELECT f.relation, f.kind, f.name, f.definition FROM archive.tenancy_found AS f
         WHERE f.relation = $1::bigint::oid AND (f.kind IN ('trigger', 'function') OR f.kind = 'policy' AND f.name IN
               ('tenancy', 'tenancy_administration', 'tenancy_trusted', 'tenancy_writing', 'tenancy_reading', 'tenancy_recording', 'tenancy_erasing'))
         RETURNING 1",
        [relation.into()],
    )
    .await
    .map(drop)
}

/// Records that tenancy created this object: a constraint, a column or a default.
pub(crate) async fn record_created(
    work: &Work,
    relation: &TableId,
    kind: &str,
    name: &str,
) -> Result<(), DbErr> {
    work.rows(
        "INSERT INTO archive.tenancy_object (relation, kind, name, definition)
         VALUES ($1::bigint::oid, $2, $3::text, coalesce((
             SELECT pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = $1::bigint::oid AND conname = $3::text AND $2 = 'constraint'), ''))
         ON CONFLICT (relation, kind, name) DO UPDATE SET definition = EXCLUDED.definition RETURNING 1",
        [relation.oid.into(), kind.into(), name.into()],
    )
    .await
    .map(drop)
}

/// The wanted definition of a constraint that tenancy creates.
pub(crate) struct Constraint<'a> {
    pub(crate) relation: &'a TableId,
    pub(crate) name: &'a str,
    pub(crate) columns: &'a [String],
    /// The table and the columns that a foreign key refers to; `None` for a unique constraint.
    pub(crate) refers: Option<(&'a TableId, &'a [String])>,
}

/// Drops a constraint that tenancy created and whose definition was changed since. Returns whether one with the right
/// definition exists.
pub(crate) async fn reuse_constraint(
    work: &Work,
    constraint: &Constraint<'_>,
) -> Result<bool, DbErr> {
    let Constraint {
        relation,
        name,
        columns,
        refers,
    } = *constraint;
    let (table, others) = refers.unzip();
    let found = work
        .rows(
            schema::tenancy::CONSTRAINT,
            [
                relation.oid.into(),
                name.into(),
                columns.to_vec().into(),
                table.map(|table| table.oid).into(),
                others.map(<[String]>::to_vec).into(),
            ],
        )
        .await?;
    let Some(row) = found.first() else {
        return Ok(false);
    };
    if row.try_get("", "is_right")? {
        record_created(work, relation, "constraint", name).await?;
        return Ok(true);
    }
    let drop = format!(
        "ALTER TABLE {} DROP CONSTRAINT {}",
        relation.sql(),
        quote(name)
    );
    work.run(&drop).await.map(|()| false)
}

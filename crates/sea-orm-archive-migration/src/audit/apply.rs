//! The triggers of an audited table.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill;
use sea_orm_migration::DbErr;

use crate::{
    archive_table::privileges,
    audit::{
        column, function,
        options::AuditedTable,
        register::{self, Audited},
    },
    name, table_names, tenancy,
    work::Work,
};

/// Audits a table from now on, or changes how it is audited.
pub(crate) async fn audit(work: &Work, wanted: &AuditedTable) -> Result<(), DbErr> {
    register::require(work).await?;
    forget_dropped(work).await?;
    let table = work.existing_table(&name::table(&wanted.table)?).await?;
    table_names::follow(work, &table.id).await?;
    forget(work, Some(table.id.oid)).await?;
    let table = work.existing_table(&table.id.sql()).await?;
    refuse_unfit(work, &table, wanted).await?;
    refuse_uncovered(work, &table, wanted).await?;
    register::put(work, &table.id, &wanted.excluded, &wanted.redacted).await?;
    table_names::note(work).await?;
    refresh(work, &table).await?;
    tenancy::follow_in_log(work, &table).await.map(drop)
}

/// Stops auditing a table. Its entries stay.
pub(crate) async fn unaudit(work: &Work, name: &str) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    forget_dropped(work).await?;
    let Some(table) = work.table(name).await? else {
        return Ok(());
    };
    forget(work, Some(table.id.oid)).await?;
    table_names::accept(work, &table.id).await?;
    let Some(audited) = register::find(work, &table.id).await? else {
        return Ok(());
    };
    // The lock waits for running writes, which still leave entries.
    work.existing_table(&table.id.sql()).await?;
    drop_functions(work, audited.id).await?;
    register::remove(work, audited.id).await
}

/// Replaces the trigger functions of `table`, where it is audited, for its current columns, partitions and archive
/// table.
pub(crate) async fn refresh(work: &Work, table: &Table) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    match register::find(work, &table.id).await? {
        Some(audited) => create_triggers(work, table, &audited).await,
        None => Ok(()),
    }
}

/// The same for every table, after an update of this crate.
pub(crate) async fn refresh_all(work: &Work) -> Result<(), DbErr> {
    forget_dropped(work).await?;
    for audited in register::tables(work).await? {
        let table = work.existing_table(&audited.relation).await?;
        create_triggers(work, &table, &audited).await?;
    }
    Ok(())
}

/// Removes dropped tables from the register, and drops their trigger functions.
pub(crate) async fn forget_dropped(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    forget(work, None).await
}

async fn forget(work: &Work, taken_over_by: Option<i64>) -> Result<(), DbErr> {
    for id in register::dropped(work, taken_over_by).await? {
        drop_functions(work, id).await?;
        register::remove(work, id).await?;
    }
    Ok(())
}

async fn create_triggers(work: &Work, table: &Table, audited: &Audited) -> Result<(), DbErr> {
    refuse_unattributed(audited)?;
    refuse_redacted_key(table, audited)?;
    let columns = column::columns(work, table.id.oid).await?;
    let functions = function::TriggerFunctions {
        table,
        audited,
        columns: &columns,
    };
    work.run(&functions.of_table()).await?;
    let name = function::name(audited.id);
    for relation in with_partitions(work, &table.id.sql()).await? {
        attach(work, &relation, &name).await?;
    }
    if let Some(archive_table) = &table.archive_table {
        let columns = column::columns(work, archive_table.id.oid).await?;
        work.run(&functions.of_archive_table(archive_table, &columns))
            .await?;
        attach(
            work,
            &archive_table.id.sql(),
            &function::archive_table_name(audited.id),
        )
        .await?;
    }
    privileges::make_triggers_private(work).await?;
    register::put_shapes(work, audited).await
}

/// A table and its partitions. A statement on a partition by its own name fires only the triggers of that partition.
async fn with_partitions(work: &Work, table: &str) -> Result<Vec<String>, DbErr> {
    let rows = work
        .rows(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation
             FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass) AS p
             JOIN pg_catalog.pg_class AS c ON c.oid = p.relid
             JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             ORDER BY p.level",
            [table.into()],
        )
        .await?;
    let mut relations: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "relation"))
        .collect::<Result<_, DbErr>>()?;
    // The tree of a table without partitions is empty.
    if relations.is_empty() {
        relations.push(table.to_owned());
    }
    Ok(relations)
}

/// The triggers are ENABLE ALWAYS: a session with `session_replication_role = replica` skips other triggers.
async fn attach(work: &Work, relation: &str, function: &str) -> Result<(), DbErr> {
    let triggers = [
        ("table", relation.to_owned()),
        ("function", function.to_owned()),
    ];
    work.run(&fill(schema::audit::TRIGGERS, triggers)).await
}

/// With CASCADE, which drops the triggers too.
async fn drop_functions(work: &Work, id: i32) -> Result<(), DbErr> {
    for function in [function::name(id), function::archive_table_name(id)] {
        work.run(&format!("DROP FUNCTION IF EXISTS {function}() CASCADE"))
            .await?;
    }
    Ok(())
}

/// A redacted column that was renamed before a dump and restore no longer has its registered name or number. Until the
/// migration names it again, writes treat every column that it may be as redacted.
fn refuse_unattributed(audited: &Audited) -> Result<(), DbErr> {
    if audited.unattributed.is_empty() {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{} was dumped and restored since it was audited, and some of its columns were renamed or added before that, so it is \
         unknown whether these are redacted: \"{}\". Call `manager.audit_table(..)` for it, with the current names of the \
         columns to redact",
        audited.name,
        audited.unattributed.join("\", \"")
    )))
}

fn refuse_redacted_key(table: &Table, audited: &Audited) -> Result<(), DbErr> {
    let is_redacted = |name: &&str| audited.redacted.iter().any(|redacted| redacted == name);
    let mut key = table.key.iter().map(|column| column.name.as_str());
    match key.find(is_redacted) {
        None => Ok(()),
        Some(column) => Err(DbErr::Migration(format!(
            "\"{column}\" of {} is redacted and now in its primary key, which entries of the audit log contain: change the \
             primary key, or call `manager.audit_table(..)` without redacting it",
            table.id
        ))),
    }
}

/// A column that is computed from a redacted column would reveal it.
async fn refuse_uncovered(work: &Work, table: &Table, wanted: &AuditedTable) -> Result<(), DbErr> {
    let rows = work
        .rows(
            "SELECT g.attname::text AS generated, r.attname::text AS redacted
             FROM pg_catalog.pg_attrdef AS d
             JOIN pg_catalog.pg_attribute AS g ON g.attrelid = d.adrelid AND g.attnum = d.adnum AND g.attgenerated <> ''
             JOIN pg_catalog.pg_depend AS p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND p.objid = d.oid
                                           AND p.refobjid = d.adrelid AND p.refobjsubid <> d.adnum
             JOIN pg_catalog.pg_attribute AS r ON r.attrelid = p.refobjid AND r.attnum = p.refobjsubid
             WHERE d.adrelid = $1::bigint::oid ORDER BY 1, 2",
            [table.id.oid.into()],
        )
        .await?;
    for row in rows {
        let generated: String = row.try_get("", "generated")?;
        let redacted: String = row.try_get("", "redacted")?;
        let hidden =
            |name: &String| wanted.redacted.contains(name) || wanted.excluded.contains(name);
        if wanted.redacted.contains(&redacted) && !hidden(&generated) {
            return Err(DbErr::Migration(format!(
                "{} computes \"{generated}\" from \"{redacted}\", which is redacted: redact \"{generated}\", too",
                table.id
            )));
        }
    }
    Ok(())
}

async fn refuse_unfit(work: &Work, table: &Table, wanted: &AuditedTable) -> Result<(), DbErr> {
    let id = &table.id;
    let refuse = |reason: String| Err(DbErr::Migration(format!("{id} {reason}")));
    if id.schema == "archive" || id.schema.starts_with("pg_") {
        return refuse("cannot be audited: it is not a table of the application".to_owned());
    }
    if table.key.is_empty() {
        return refuse(
            "has no primary key, so an entry could not identify its row: add one first".to_owned(),
        );
    }
    if table.is_partition {
        return refuse(
            "is a partition: audit the partitioned table, and its partitions are audited too"
                .to_owned(),
        );
    }
    if table.has_inheritors {
        return refuse(
            "has tables that inherit from it, whose rows are not its own: audit those, or use partitions"
                .to_owned(),
        );
    }
    if let Some(active) = crate::archive_table::register::active_of(work, id).await? {
        return refuse(format!(
            "is the archive table of {active}: audit that, and changes here are logged as changes of its rows"
        ));
    }
    for (what, columns) in [("exclude", &wanted.excluded), ("redact", &wanted.redacted)] {
        for column in columns {
            if table.column(column).is_none() {
                return refuse(format!(
                    "has no column \"{column}\" to {what}: name a column that it has"
                ));
            }
            if table.key.iter().any(|key| key.name == *column) {
                return refuse(format!(
                    "cannot {what} \"{column}\", a column of its primary key: entries identify their rows by it"
                ));
            }
        }
    }
    match wanted.excluded.iter().find(|c| wanted.redacted.contains(c)) {
        Some(both) => refuse(format!(
            "cannot both exclude and redact \"{both}\": redact logs that a column changed, and exclude does not"
        )),
        None => Ok(()),
    }
}

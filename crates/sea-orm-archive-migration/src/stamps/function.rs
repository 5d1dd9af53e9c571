//! The function and the trigger of a stamped table.
//!
//! Each table has its own function, which contains the names of its columns. One function for all tables would have to
//! read the columns through jsonb, which costs two to three times as much for each row. The figures are in
//! `docs/internals/stamps.md`.

use sea_orm_archive_postgres::catalog::Table;
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::{fill, function_body};
use sea_orm_migration::DbErr;

use crate::{
    archive_table::privileges,
    name::{literal, quote},
    stamps::{
        options::Stamps,
        register::{self, Registered},
    },
    work::Work,
};

/// The name of the trigger. Triggers fire in the order of their names, and this one has to read the row after all others
/// have changed it.
pub(crate) const TRIGGER: &str = "zz_stamp";

/// Creates the function that all stamped tables share, and replaces theirs: the setting of the actor may have another name
/// now.
pub(crate) async fn install(work: &Work) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let actor = setting(work).await?;
    let shared = fill(schema::stamps::ACTOR, [("actor", actor)]);
    work.run(&shared).await?;
    for registered in register::live(work).await? {
        if let Some(table) = work.table(&registered.table).await? {
            create(work, &table, &registered).await?;
        }
    }
    Ok(())
}

/// Replaces the function of a table, where it is stamped, for its current columns.
pub(crate) async fn refresh(work: &Work, table: &Table) -> Result<(), DbErr> {
    if !register::is_installed(work).await? {
        return Ok(());
    }
    let Some(registered) = register::find(work, &table.id).await? else {
        return Ok(());
    };
    match registered
        .stamps
        .all()
        .find(|name| table.column(name).is_none())
    {
        None => create(work, table, &registered).await,
        Some(lost) => Err(DbErr::Migration(format!(
            "{} would no longer have the column \"{lost}\", which is stamped: call `manager.unstamp_table(..)` first, and \
             `manager.stamp_table(..)` with the columns that remain afterwards",
            table.id
        ))),
    }
}

/// Creates or replaces the function.
pub(crate) async fn create(
    work: &Work,
    table: &Table,
    registered: &Registered,
) -> Result<(), DbErr> {
    let width: i16 = work
        .row(
            "SELECT pg_catalog.max(attnum) AS width FROM pg_catalog.pg_attribute WHERE attrelid = $1::bigint::oid",
            [table.id.oid.into()],
        )
        .await?
        .try_get("", "width")?;
    let function = Function {
        name: registered.function_sql(),
        stamps: &registered.stamps,
        actor: setting(work).await?,
        may_compute: may_compute(table, width),
    };
    work.run(&function.sql()).await?;
    privileges::make_triggers_private(work).await
}

/// Creates the trigger, where there is none.
pub(crate) async fn attach(
    work: &Work,
    table: &Table,
    registered: &Registered,
) -> Result<(), DbErr> {
    let rows = work
        .rows(
            "SELECT tgfoid = pg_catalog.to_regproc($2)::oid AS ours FROM pg_catalog.pg_trigger
             WHERE tgrelid = $1::bigint::oid AND tgname = $3",
            [
                table.id.oid.into(),
                registered.function_sql().into(),
                TRIGGER.into(),
            ],
        )
        .await?;
    match rows.first() {
        None => {
            work.run(&format!(
                "CREATE TRIGGER {TRIGGER} BEFORE UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
                table.id.sql(),
                registered.function_sql()
            ))
            .await
        }
        Some(row) if row.try_get::<Option<bool>>("", "ours")? == Some(true) => Ok(()),
        Some(_) => Err(DbErr::Migration(format!(
            "{} already has a trigger {TRIGGER}, which is the name of the trigger of the stamps: rename it",
            table.id
        ))),
    }
}

/// The name of the setting of the actor, as a literal.
async fn setting(work: &Work) -> Result<String, DbErr> {
    let sql = "SELECT name FROM archive.context_setting WHERE meaning = 'actor'";
    let name: String = work.row(sql, []).await?.try_get("", "name")?;
    Ok(literal(&name))
}

/// Whether the table may have generated columns, as SQL.
///
/// Searching the catalog for them costs more than the stamps. A column is generated from its creation on, so there are
/// none until a column is added. `has_column_privilege` returns NULL while the column of the next number does not exist.
fn may_compute(table: &Table, width: i16) -> String {
    if table.columns.iter().any(|column| column.generated) {
        return "true".to_owned();
    }
    let relation = match table.kind.as_str() {
        "p" => "pg_catalog.pg_partition_root(TG_RELID)",
        _ => "TG_RELID",
    };
    let next = i32::from(width) + 1;
    format!(
        "pg_catalog.has_column_privilege({relation}, {next}::pg_catalog.int2, 'SELECT') IS NOT NULL"
    )
}

/// The trigger function of a table, with everything that its SQL names.
struct Function<'a> {
    name: String,
    stamps: &'a Stamps,
    actor: String,
    may_compute: String,
}

impl Function<'_> {
    fn sql(&self) -> String {
        function_body(schema::stamps::FUNCTION, &|place| {
            Some(match place {
                "function" => self.name.clone(),
                "links" => self.links(),
                "preserve" => self.preserve_unlinked(),
                "preserve_created" => preserve_all(self.stamps.created()),
                "may_compute" => self.may_compute.clone(),
                "whole" => self.whole(),
                "stamp" => self.stamp(),
                _ => return None,
            })
        })
    }

    /// Assigns some column of the row to itself.
    fn whole(&self) -> String {
        let some = self.stamps.all().next().map(|name| of("OLD", name));
        some.map(|column| format!("{column} := {column};"))
            .unwrap_or_default()
    }

    /// Finds the columns that a foreign key has written.
    fn links(&self) -> String {
        let actors = || self.stamps.actors();
        if actors().next().is_none() {
            return String::new();
        }
        let changed = actors().map(|name| {
            format!(
                "a.attname OPERATOR(pg_catalog.=) {}::pg_catalog.name \
                 AND ROW({})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({})::pg_catalog.record",
                literal(name),
                of("NEW", name),
                of("OLD", name)
            )
        });
        let row = |record: &str| actors().map(|name| of(record, name)).collect::<Vec<_>>();
        let changed = changed.collect::<Vec<_>>().join("\n                   OR ");
        fill(
            schema::stamps::LINKS.trim_end(),
            [
                ("new", row("NEW").join(", ")),
                ("old", row("OLD").join(", ")),
                ("changed", changed),
            ],
        )
    }

    /// Preserves every stamp except those that a foreign key has written.
    fn preserve_unlinked(&self) -> String {
        let actors = self.stamps.actors().map(|name| {
            format!(
                "IF {}::pg_catalog.text OPERATOR(pg_catalog.<>) ALL (linked) THEN\n            {}\n        END IF;",
                literal(name),
                preserve(name)
            )
        });
        let times = self.stamps.times().map(|name| preserve(name));
        times.chain(actors).collect::<Vec<_>>().join("\n        ")
    }

    fn stamp(&self) -> String {
        let at = self.stamps.updated_at.as_ref();
        let at = at.map(|name| format!("{} := pg_catalog.clock_timestamp();", of("NEW", name)));
        let by = self.stamps.updated_by.as_ref();
        let by = by.map(|name| {
            fill(
                schema::stamps::UPDATED_BY.trim_end(),
                [
                    ("actor", self.actor.clone()),
                    ("column", of("NEW", name)),
                    ("name", literal(name)),
                    ("text", literal(&quote(name))),
                ],
            )
        });
        at.into_iter().chain(by).collect::<Vec<_>>().join("\n    ")
    }
}

fn of(record: &str, column: &str) -> String {
    format!("{record}.{}", quote(column))
}

fn preserve(column: &str) -> String {
    format!("{} := {};", of("NEW", column), of("OLD", column))
}

fn preserve_all<'a>(columns: impl Iterator<Item = &'a String>) -> String {
    let statements: Vec<_> = columns.map(|name| preserve(name)).collect();
    statements.join("\n    ")
}

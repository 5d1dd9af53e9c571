//! Whose the archivals are that were made before.

use sea_orm_archive_postgres::catalog::{Table, TableId};
use sea_orm_archive_postgres::schema;
use sea_orm_archive_postgres::template::fill_with;
use sea_orm_migration::DbErr;

use crate::{
    name::{literal, quote},
    tenancy::{register, shared},
    work::Work,
};

/// What has told until now whose the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing: the table was not under tenancy.
    Never,
    /// Another column.
    ByAnother,
    /// The same column.
    Before,
}

/// Gives the archivals that hold rows of `table` and of its histories their tenant. The callers put those tables, and
/// what all share, under their policies again.
pub(crate) async fn tell(work: &Work, table: &TableId, told: Told) -> Result<(), DbErr> {
    shared::unforce(work).await?;
    for member in register::members(work, table).await? {
        let Some(column) = member.column.as_ref() else {
            continue;
        };
        if member.is_archived || member.is_partition {
            continue;
        }
        let table = work.existing_table(&member.name).await?;
        for source in std::iter::once(&table.id).chain(table.twin.iter().map(|twin| &twin.id)) {
            work.unforce(&source.sql()).await?;
        }
        tell_of(work, &table, column, told).await?;
    }
    Ok(())
}

/// The same for one table, and what stands in the archival of another tenant is refused: when the same column told it
/// before, nobody but by hand can have put such a row there since.
async fn tell_of(work: &Work, table: &Table, column: &str, told: Told) -> Result<(), DbErr> {
    let archived = Archived::of(table, column);
    if told == Told::ByAnother {
        work.run(&archived.fill(schema::tenancy::FORGET_LEDGER))
            .await?;
    }
    work.run(&archived.fill(schema::tenancy::TELL_LEDGER))
        .await?;
    if told == Told::Before {
        return Ok(());
    }
    let strangers = archived.fill(schema::tenancy::STRANGERS);
    let strangers: i64 = work.row(&strangers, []).await?.try_get("", "rows")?;
    if strangers == 0 {
        return Ok(());
    }
    Err(DbErr::Migration(format!(
        "{strangers} rows of {} went into the archive with the tree of another tenant, or were detached from it: \
         restore those archivals first, and give the rows to one tenant",
        table.id
    )))
}

/// What a table and its archive table say of their rows' tenants, as SQL.
struct Archived {
    table: String,
    name: String,
    tenant_of_d: String,
    twin: String,
    archival_id: String,
    rows: String,
}

impl Archived {
    fn of(table: &Table, column: &str) -> Self {
        // As the detached links record a key.
        let key = table.key.iter();
        let key = key.map(|c| format!("archive.exact_text(t.{})", quote(&c.name)));
        let key = key.collect::<Vec<_>>().join(", ");
        let tenant = table.id.tenant_text("t", column);
        let sources = std::iter::once(&table.id).chain(table.twin.iter().map(|twin| &twin.id));
        let rows = sources.map(|source| {
            format!(
                "SELECT pg_catalog.jsonb_build_array({key}), {tenant} FROM {} AS t",
                source.sql()
            )
        });
        let rows = rows.collect::<Vec<_>>().join(" UNION ALL ");
        let (twin, archival_id) = match &table.twin {
            Some(twin) => (twin.id.sql(), quote(&twin.archival_id)),
            None => (
                format!(
                    "(SELECT NULL::text AS {}, NULL::bigint AS \"no archival\" WHERE false)",
                    quote(column)
                ),
                "\"no archival\"".to_owned(),
            ),
        };
        Self {
            table: literal(&table.id.sql()),
            name: literal(&table.id.to_string()),
            tenant_of_d: table.id.tenant_text("d", column),
            twin,
            archival_id,
            rows,
        }
    }

    fn fill(&self, sql: &str) -> String {
        fill_with(sql, &|place| {
            Some(match place {
                "rows" => self.rows.clone(),
                "table" => self.table.clone(),
                "name" => self.name.clone(),
                "archival_id" => self.archival_id.clone(),
                "twin" => self.twin.clone(),
                "tenant_of_d" => self.tenant_of_d.clone(),
                _ => return None,
            })
        })
    }
}

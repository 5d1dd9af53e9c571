//! The tenant column of a table.

use sea_orm_archive_postgres::schema;
use sea_orm_migration::DbErr;

use crate::work::Work;

/// How a column is compared with the tenant of the context, as SQL.
pub(crate) struct Compared {
    pub(crate) number: i16,
    pub(crate) not_null: bool,
    /// Its type truncates values that are too long.
    pub(crate) cuts: bool,
    /// The tenant of the context, as the type of the column.
    pub(crate) tenant: String,
    pub(crate) is_own: String,
    /// Whether the row `OLD` of a trigger belongs to another tenant than that of the context.
    pub(crate) was_foreign: String,
    /// The same for the row `NEW`.
    pub(crate) is_foreign: String,
    /// Whether `NEW` belongs to another tenant than `OLD`.
    pub(crate) is_given: String,
}

/// The column of this name.
pub(crate) async fn read(work: &Work, table: i64, name: &str) -> Result<Option<Compared>, DbErr> {
    let rows = work
        .rows(schema::tenancy::COLUMN, [table.into(), name.into()])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(Compared {
        number: row.try_get("", "number")?,
        not_null: row.try_get("", "not_null")?,
        cuts: row.try_get("", "cuts")?,
        tenant: row.try_get("", "tenant")?,
        is_own: row.try_get("", "is_own")?,
        was_foreign: row.try_get("", "was_foreign")?,
        is_foreign: row.try_get("", "is_foreign")?,
        is_given: row.try_get("", "is_given")?,
    }))
}

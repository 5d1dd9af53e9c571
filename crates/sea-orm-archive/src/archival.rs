//! The archival table: one row for every archived tree.

use std::collections::BTreeMap;

use ::sea_orm::entity::prelude::*;

use crate::decode::{self, sea_orm};
use crate::error::{Error, unexpected_answer};

/// The archival record of one archived tree: a row of `archive.archival`.
///
/// JSON that serde_json cannot represent is read as a string with its text; in an object only the member
/// concerned is.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "archival")]
pub struct Model {
    /// The id of this archival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The table of the root, as `schema.table`.
    pub root_table: String,
    /// The primary key of the root, as an object of column and value.
    #[sea_orm(column_type = "JsonBinary")]
    pub root_key: Json,
    /// When the tree was archived.
    pub archived_at: DateTimeUtc,
    /// Who archived it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub archived_by: Option<String>,
    /// Why.
    #[sea_orm(column_type = "Text", nullable)]
    pub reason: Option<String>,
    /// What the caller passed to `metadata`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub metadata: Option<Json>,
    /// The number of archived rows of each table, as an object of `schema.table` and count.
    #[sea_orm(column_type = "JsonBinary")]
    pub row_counts: Json,
    /// When it was restored; `None` while it is archived.
    pub restored_at: Option<DateTimeUtc>,
    /// Who restored it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    pub restored_by: Option<String>,
    /// When its rows were deleted from the archive tables for good; `None` while they are archived or restored.
    #[serde(default)]
    pub purged_at: Option<DateTimeUtc>,
    /// Who purged it, as text.
    #[sea_orm(column_type = "Text", nullable)]
    #[serde(default)]
    pub purged_by: Option<String>,
    /// How many rows of which table the purge deleted, as an object of `schema.table` and count.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    #[serde(default)]
    pub purged_rows: Option<Json>,
    /// The name of the retention rule that the purge followed, or what the caller passed to `policy`.
    #[sea_orm(column_type = "Text", nullable)]
    #[serde(default)]
    pub purge_policy: Option<String>,
    /// The tenant of the rows; `None` where no table of the tree is under tenancy, empty where the rows were archived
    /// before the tables came under tenancy.
    #[sea_orm(column_type = "Text", nullable)]
    #[serde(default)]
    pub tenant: Option<String>,
    /// The archival that its rows were taken or copied from, by a restore of a part, of some rows, or as new rows.
    #[serde(default)]
    pub part_of: Option<i64>,
    /// How many [holds](crate::hold) on this archival were not released. While one of them has not ended, the archival is neither
    /// purged nor restored.
    #[serde(default)]
    pub holds: i32,
}

/// The archival table has no relations of its own: archive tables refer to it with `archival_id`.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The number of archived rows of each table, by `schema.table`.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let counts = self.row_counts.as_object().into_iter().flatten();
        counts
            .filter_map(|(table, rows)| Some((table.clone(), rows.as_u64()?)))
            .collect()
    }
}

/// An archival record as `archive.record_json` returns it.
#[derive(serde::Deserialize)]
struct Record {
    id: i64,
    root_table: String,
    root_key: String,
    archived_at: String,
    archived_by: Option<String>,
    reason: Option<String>,
    metadata: Option<String>,
    row_counts: String,
    restored_at: Option<String>,
    restored_by: Option<String>,
    purged_at: Option<String>,
    purged_by: Option<String>,
    purged_rows: Option<String>,
    purge_policy: Option<String>,
    tenant: Option<String>,
    part_of: Option<i64>,
    holds: i32,
}

/// Reads the record that a committed call returned. The call cannot be undone, so no value of a caller makes
/// this fail.
pub(crate) fn from_answer(answer: Json) -> Result<Model, Error> {
    let record: Record = serde_json::from_value(answer).map_err(unexpected_answer)?;
    Ok(Model {
        id: record.id,
        root_table: record.root_table,
        root_key: decode::json(&record.root_key),
        archived_at: decode::time(&record.archived_at),
        archived_by: record.archived_by,
        reason: record.reason,
        metadata: record.metadata.as_deref().map(decode::json),
        row_counts: decode::json(&record.row_counts),
        restored_at: record.restored_at.as_deref().map(decode::time),
        restored_by: record.restored_by,
        purged_at: record.purged_at.as_deref().map(decode::time),
        purged_by: record.purged_by,
        purged_rows: record.purged_rows.as_deref().map(decode::json),
        purge_policy: record.purge_policy,
        tenant: record.tenant,
        part_of: record.part_of,
        holds: record.holds,
    })
}

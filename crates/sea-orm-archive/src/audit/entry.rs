//! An entry of the audit log.

use std::collections::BTreeSet;

use ::sea_orm::entity::prelude::*;
use ::sea_orm::{IdenStatic, Select};

pub use super::operation::Operation;
use crate::decode::{self, sea_orm};

/// One change of one row: a row of `archive.audit_entry`.
///
/// A value that serde_json cannot represent is read as a string with its JSON text.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "audit_entry")]
pub struct Model {
    /// The id of this entry. Entries are in the order of their time, and those of one time in the order of their ids.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When the statement changed the row, not when its transaction committed. The same for all rows of one
    /// table that a statement changed by one operation.
    pub at: DateTimeUtc,
    /// The transaction that did it: `pg_current_xact_id()`.
    pub transaction_id: i64,
    /// The archival that the row moved with, or that it belonged to when it was changed.
    pub archival_id: Option<i64>,
    /// The details of the request.
    pub details_id: Option<i64>,
    /// What was done.
    pub operation: Operation,
    /// The table, as `schema.table`, with the name that it had when it was first audited.
    #[sea_orm(column_type = "Text")]
    pub table_name: String,
    /// The primary key of the row, as an object of column and value; `None` where an empty table was truncated.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub key: Option<Json>,
    /// `jsonb_hash_extended(key, 0)`, by which the entries of a row are found: an index cannot store a key of
    /// any length.
    pub key_hash: Option<i64>,
    /// The old values: of an UPDATE those that changed, of a DELETE or TRUNCATE all of them.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub old: Option<Json>,
    /// The new values: of an UPDATE those that changed, of an INSERT all of them.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub new: Option<Json>,
    /// The redacted columns that changed, whose values the log does not contain, as an array of names.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub redacted: Option<Json>,
    /// The columns whose values were erased afterwards, as an array of names; empty where only texts that mentioned a person were changed.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub erased: Option<Json>,
    /// Who did it, by the context of the transaction. A text of more than 400 bytes is truncated, with its MD5
    /// at the end.
    #[sea_orm(column_type = "Text", nullable)]
    pub actor: Option<String>,
    /// The tenant of the row; without tenancy that of the context. `None` in entries from before tenancy.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
    /// The id of the request, by the context of the transaction.
    #[sea_orm(column_type = "Text", nullable)]
    pub request_id: Option<String>,
    /// The role that had logged in to the database.
    #[sea_orm(column_type = "Text")]
    pub database_user: String,
}

/// The details of the request that an entry belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its address, user agent, reason and metadata.
    #[sea_orm(
        belongs_to = "super::details::Entity",
        from = "Column::DetailsId",
        to = "super::details::Column::Id"
    )]
    Details,
}

impl Related<Entity> for super::details::Entity {
    fn to() -> RelationDef {
        Relation::Details.def().rev()
    }
}

impl Related<super::details::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Details.def()
    }
}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

/// One column of a row, before and after.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// The column.
    pub column: String,
    /// Its old value; `None` where there was no row before. An SQL NULL is [`Json::Null`].
    pub old: Option<Json>,
    /// Its new value; `None` where there is no row after.
    pub new: Option<Json>,
    /// Whether the column is redacted: it changed, and neither value is recorded.
    pub redacted: bool,
}

impl Model {
    /// The changes of each column, in the order of the column names.
    pub fn changes(&self) -> Vec<Change> {
        let [old, new] = [&self.old, &self.new].map(|json| json.as_ref().and_then(Json::as_object));
        let redacted = self.redacted.as_ref().and_then(Json::as_array);
        let redacted: BTreeSet<&str> = redacted
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let recorded = old.into_iter().chain(new).flat_map(|values| values.keys());
        let names: BTreeSet<&str> = recorded
            .map(String::as_str)
            .chain(redacted.iter().copied())
            .collect();
        names
            .into_iter()
            .map(|name| Change {
                column: name.to_owned(),
                old: old.and_then(|values| values.get(name)).cloned(),
                new: new.and_then(|values| values.get(name)).cloned(),
                redacted: redacted.contains(name),
            })
            .collect()
    }

    /// The change of one column; `None` where it did not change.
    pub fn change_of(&self, column: impl IdenStatic) -> Option<Change> {
        let changes = self.changes().into_iter();
        changes
            .into_iter()
            .find(|change| change.column == column.as_str())
    }
}

impl Entity {
    /// What an actor did, in no order. Give a window with
    /// `.filter(audit::Column::At.between(from, to))`.
    pub fn find_by_actor(actor: impl Into<String>) -> Select<Self> {
        Self::find().filter(Column::Actor.eq(actor.into()))
    }

    /// What one request did, in all tables, in no order.
    pub fn find_by_request(request_id: impl Into<String>) -> Select<Self> {
        Self::find().filter(Column::RequestId.eq(request_id.into()))
    }

    /// What one transaction did, in all tables, in no order.
    pub fn find_by_transaction(transaction_id: i64) -> Select<Self> {
        Self::find().filter(Column::TransactionId.eq(transaction_id))
    }

    /// Which rows an archival moved, out and back, in no order.
    pub fn find_by_archival(archival: &crate::archival::Model) -> Select<Self> {
        // A move cannot be older than its archival, which spares the partitions before it.
        Self::find()
            .filter(Column::ArchivalId.eq(archival.id))
            .filter(Column::At.gte(archival.archived_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(old: Option<Json>, new: Option<Json>, redacted: Option<Json>) -> Model {
        Model {
            id: 1,
            at: DateTimeUtc::default(),
            transaction_id: 1,
            archival_id: None,
            details_id: None,
            operation: Operation::Update,
            table_name: "public.t".to_owned(),
            key: Some(json!({"id": 1})),
            key_hash: None,
            old,
            new,
            redacted,
            erased: None,
            actor: None,
            tenant: None,
            request_id: None,
            database_user: "web".to_owned(),
        }
    }

    #[test]
    fn changes_have_old_and_new_values_unless_redacted() {
        let entry = entry(
            Some(json!({"b": 1, "a": null})),
            Some(json!({"b": 2, "a": "x"})),
            Some(json!(["password"])),
        );
        let side = |value| Some(value);
        assert_eq!(
            entry.changes(),
            [
                Change {
                    column: "a".to_owned(),
                    old: side(json!(null)),
                    new: side(json!("x")),
                    redacted: false
                },
                Change {
                    column: "b".to_owned(),
                    old: side(json!(1)),
                    new: side(json!(2)),
                    redacted: false
                },
                Change {
                    column: "password".to_owned(),
                    old: None,
                    new: None,
                    redacted: true
                },
            ]
        );
    }

    #[test]
    fn changes_of_an_insert_have_no_old_values() {
        let inserted = entry(None, Some(json!({"a": 1})), None);
        assert_eq!(inserted.changes()[0].old, None);
        assert_eq!(inserted.changes()[0].new, Some(json!(1)));
        assert_eq!(entry(None, None, None).changes(), []);
    }
}

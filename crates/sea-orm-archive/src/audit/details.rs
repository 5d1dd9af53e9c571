//! What is known of a request beyond its id.

use ::sea_orm::entity::prelude::*;

use crate::decode::{self, sea_orm};

/// The details of a context: a row of `archive.audit_details`, one for each transaction and context.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "audit_details")]
pub struct Model {
    /// The id that entries refer to.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When they were first written down.
    pub at: DateTimeUtc,
    /// The transaction.
    pub transaction_id: i64,
    /// For which tenant.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
    /// An object with `client_address`, `user_agent`, `reason` and `metadata`, those that are known.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
}

/// Entries refer to it: their relation is the one that joins both.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

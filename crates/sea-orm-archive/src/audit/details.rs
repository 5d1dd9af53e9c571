//! The details of a request beyond its id.

use ::sea_orm::entity::prelude::*;

use crate::decode::{self, sea_orm};

/// The details of a context: a row of `archive.audit_details`, one for each transaction and context.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
#[sea_orm(schema_name = "archive", table_name = "audit_details")]
pub struct Model {
    /// The id that entries refer to.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// When they were first recorded.
    pub at: DateTimeUtc,
    /// The transaction.
    pub transaction_id: i64,
    /// The tenant of the context.
    #[sea_orm(column_type = "Text", nullable)]
    pub tenant: Option<String>,
    /// An object with `client_address`, `user_agent`, `reason` and `metadata`, as far as the context has them.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Json,
}

/// The details have no relations of their own: entries refer to them.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

decode::read_as_derived!(Model);

impl ActiveModelBehavior for ActiveModel {}

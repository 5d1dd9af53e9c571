//! Countries, without their names.

use sea_orm::entity::prelude::*;

/// A country: the identity that the versions belong to.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "countries")]
pub struct Model {
    /// The calling code, which does not change with the name. (ISO country codes do: BU became MM, and
    /// ZR became CD.)
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
}

impl ActiveModelBehavior for ActiveModel {}

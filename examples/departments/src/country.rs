//! What lasts of a country, whatever it is called.

use sea_orm::entity::prelude::*;

/// A country: an identity, and nothing else.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "countries")]
pub struct Model {
    /// The number that one dials: it stays when the name changes, and so do few other things. (The
    /// letters of ISO do not: BU became MM, and ZR became CD.)
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
}

impl ActiveModelBehavior for ActiveModel {}

use sea_orm::entity::prelude::*;
use sea_orm_archive::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub customer_id: i64,
    #[personal_data(constant = "[erased]")]
    pub address: String,
    #[sea_orm(belongs_to, from = "customer_id", to = "id")]
    #[personal_data(belongs_to)]
    pub customer: BelongsTo<super::customer::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

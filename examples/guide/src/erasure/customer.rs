use sea_orm::entity::prelude::*;
use sea_orm_archive::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DerivePersonalData)]
#[sea_orm(table_name = "customers")]
#[personal_data(person)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[personal_data(pseudonym, identifying)]
    pub email: String,
    #[personal_data(null)]
    pub phone: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

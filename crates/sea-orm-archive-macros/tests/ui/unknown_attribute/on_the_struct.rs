//! Two misspelled options are two errors. Code that uses the deleted entity has none.

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(delete_by = "i64", cascde(super::comment::Entity))]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn main() {
    let _ = deleted::Entity::find().filter(deleted::Column::DeletedBy.eq(7_i64));
    let _: fn(deleted::Model) -> Model = Model::from;
    let _ = <Entity as sea_orm_archive::Archivable>::declaration();
}

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub parent_id: Option<i64>,
    #[sea_orm(self_ref, relation_enum = "Parent", relation_reverse = "Replies", from = "parent_id", to = "id")]
    #[archive(cascade)]
    pub parent: BelongsTo<Option<Entity>>,
    #[sea_orm(self_ref, relation_enum = "Replies", relation_reverse = "Parent")]
    #[archive(detach)]
    pub replies: HasMany<Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}

use sea_orm::entity::prelude::*;
use sea_orm_archive::DeriveArchive;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "people")]
#[archive(detach(Entity, via_rel = "Mate"))]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub mate_id: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "Entity", from = "Column::MateId", to = "Column::Id")]
    Mate,
}

impl Related<Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Mate.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

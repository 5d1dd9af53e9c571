mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(cascade(super::comment::Entity, super::file::Entity, via_rel = "Post"))]
    #[archive(detach(super::draft::Entity, via_rel = "Post", via_rel = "Other"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(ignore)]
        pub lock_version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod b {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    #[optimistic_lock(field = "revision")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(ignore)]
        pub revision: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

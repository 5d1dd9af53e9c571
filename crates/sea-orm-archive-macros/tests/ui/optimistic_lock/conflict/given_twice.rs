mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    #[optimistic_lock(field = "lock_version", field = "lock_version")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub lock_version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod b {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    #[optimistic_lock(field = "lock_version")]
    #[optimistic_lock(field = "id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub lock_version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(extra = "GENERATED ALWAYS AS (1) STORED")]
        pub lock_version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod b {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(save_as = "text", select_as = "integer")]
        pub lock_version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod c {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub lock_version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod d {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(nullable)]
        pub lock_version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

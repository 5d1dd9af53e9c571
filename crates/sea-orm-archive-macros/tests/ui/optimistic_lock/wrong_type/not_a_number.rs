mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub lock_version: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

//! The trait is implemented, and would never run.

mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{ArchiveHooks, DeriveArchive};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl ArchiveHooks for Entity {}
}

fn main() {}

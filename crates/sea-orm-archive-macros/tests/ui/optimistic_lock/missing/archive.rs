//! An entity with a lock version but without an archive cannot be archived.

mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveOptimisticLock;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveOptimisticLock)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub lock_version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use sea_orm_archive::prelude::*;

fn is_archived_locked<M: ArchiveIfUnchanged>(_: M) {}

fn archive(note: note::Model) {
    is_archived_locked(note);
}

fn main() {}

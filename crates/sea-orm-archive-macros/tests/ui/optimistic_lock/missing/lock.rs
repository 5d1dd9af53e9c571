//! An entity without a lock version has no optimistic locking for archive, restore and update.

mod note {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use sea_orm::DatabaseConnection;
use sea_orm_archive::prelude::*;

async fn archive(db: DatabaseConnection) {
    let _ = note::Entity::archive_by_id(1).at_lock_version(1).exec(&db).await;
}

async fn restore(db: DatabaseConnection) {
    let _ = note::Entity::restore_by_id(1).at_lock_version(1).exec(&db).await;
}

async fn update(db: DatabaseConnection, note: note::ActiveModel) {
    let _ = note.update_if_unchanged(&db).await;
}

fn main() {}

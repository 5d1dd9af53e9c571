//! A page with a file in a store outside of the database.

use sea_orm::{ActiveValue::Set, DatabaseTransaction, entity::prelude::*};
use sea_orm_archive::prelude::*;

use super::file_job;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "pages")]
#[archive(deleted_by = "i64", hooks)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub file: String,
    pub is_pinned: bool,
}

impl ActiveModelBehavior for ActiveModel {}

impl ArchiveHooks for Entity {
    const OF_RESTORES: bool = false;

    async fn before_archive(root: &Model, _db: &DatabaseTransaction) -> HookResult {
        match root.is_pinned {
            true => Err(format!("page {} is pinned", root.id).into()),
            false => Ok(()),
        }
    }

    async fn before_purge(archival: &Archival, db: &DatabaseTransaction) -> HookResult {
        // A job of the application removes the files in the table file_jobs after the commit.
        let mine = deleted::Column::ArchivalId.eq(archival.id);
        for page in deleted::Entity::find().filter(mine).all(db).await? {
            let job = file_job::ActiveModel {
                file: Set(page.file),
            };
            job.insert(db).await?;
        }
        Ok(())
    }
}

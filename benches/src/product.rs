//! The operations with sea-orm-archive.

use sea_orm::{ColumnTrait, DatabaseConnection};
use sea_orm_archive::ArchiveEntity;

use crate::Fallible;
use crate::entity::post;
use crate::target::Target;

pub(crate) async fn archive(db: &DatabaseConnection, target: Target) -> Fallible {
    match target {
        Target::Post(id) => {
            post::Entity::archive_by_id(id).by(1_i64).exec(db).await?;
        }
        Target::Author { author, posts, .. } => {
            let filter = post::Column::AuthorId.eq(author);
            let many = post::Entity::archive_many().filter(filter).by(1_i64);
            let archivals = many.exec(db).await?;
            debug_assert_eq!(archivals.len(), posts.ids().count());
        }
    }
    Ok(())
}

pub(crate) async fn restore(db: &DatabaseConnection, target: Target) -> Fallible {
    match target {
        Target::Post(id) => {
            post::Entity::restore_by_id(id).by(1_i64).exec(db).await?;
        }
        Target::Author {
            posts,
            at_once: false,
            ..
        } => {
            for id in posts.ids() {
                post::Entity::restore_by_id(id).by(1_i64).exec(db).await?;
            }
        }
        Target::Author { author, posts, .. } => {
            let filter = post::deleted::Column::AuthorId.eq(author);
            let many = post::Entity::restore_many().filter(filter).by(1_i64);
            let restored = many.exec(db).await?;
            debug_assert_eq!(restored.archivals.len(), posts.ids().count());
        }
    }
    Ok(())
}

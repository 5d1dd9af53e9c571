//! The operations with plain SeaORM, one row after the other.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait,
    ModelTrait, QueryFilter, Set, TransactionTrait, prelude::DateTimeUtc,
};

use crate::Fallible;
use crate::entity::{comment, post};
use crate::target::Target;

pub(crate) async fn archive(db: &DatabaseConnection, target: Target) -> Fallible {
    let transaction = db.begin().await?;
    for id in ids(target) {
        archive_one(&transaction, id).await?;
    }
    Ok(transaction.commit().await?)
}

pub(crate) async fn restore(db: &DatabaseConnection, target: Target) -> Fallible {
    let transaction = db.begin().await?;
    for id in ids(target) {
        restore_one(&transaction, id).await?;
    }
    Ok(transaction.commit().await?)
}

fn ids(target: Target) -> Vec<i64> {
    match target {
        Target::Post(id) => vec![id],
        Target::Author { posts, .. } => posts.ids().collect(),
    }
}

async fn archive_one(db: &DatabaseTransaction, id: i64) -> Fallible {
    let post = post::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or("no such post")?;
    let now: DateTimeUtc = std::time::SystemTime::now().into();
    let copy = post.clone();
    let copy = post::deleted::ActiveModel {
        id: Set(copy.id),
        title: Set(copy.title),
        slug: Set(copy.slug),
        content: Set(copy.content),
        author_id: Set(copy.author_id),
        created_at: Set(copy.created_at),
        deleted_at: Set(now),
        deleted_by: Set(Some(1)),
        archival_id: Set(0),
    };
    copy.insert(db).await?;
    for comment in post.find_related(comment::Entity).all(db).await? {
        let copy = comment::deleted::ActiveModel {
            id: Set(comment.id),
            post_id: Set(comment.post_id),
            author_id: Set(comment.author_id),
            content: Set(comment.content),
            created_at: Set(comment.created_at),
            deleted_at: Set(now),
            deleted_by: Set(Some(1)),
            archival_id: Set(0),
        };
        copy.insert(db).await?;
    }
    post.cascade_delete(db).await?;
    Ok(())
}

async fn restore_one(db: &DatabaseTransaction, id: i64) -> Fallible {
    let post = post::deleted::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or("no such archived post")?;
    let comments = comment::deleted::Entity::find()
        .filter(comment::deleted::Column::PostId.eq(id))
        .all(db)
        .await?;
    let copy = post.clone();
    let copy = post::ActiveModel {
        id: Set(copy.id),
        title: Set(copy.title),
        slug: Set(copy.slug),
        content: Set(copy.content),
        author_id: Set(copy.author_id),
        created_at: Set(copy.created_at),
    };
    copy.insert(db).await?;
    for comment in comments {
        let copy = comment.clone();
        let copy = comment::ActiveModel {
            id: Set(copy.id),
            post_id: Set(copy.post_id),
            author_id: Set(copy.author_id),
            content: Set(copy.content),
            created_at: Set(copy.created_at),
        };
        copy.insert(db).await?;
        comment.delete(db).await?;
    }
    post.delete(db).await?;
    Ok(())
}

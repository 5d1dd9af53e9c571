//! Archive and restore take their actor from the context.

use ::blog::{comment, post};
use sea_orm::{EntityTrait, TransactionTrait};
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, Error};

use crate::context::database::{Known, blog, known};

#[tokio::test]
async fn archive_and_restore_record_the_actor_of_the_context() {
    let blog = blog().await;
    let db = blog.connect().await;
    let txn = Context::new().actor(7).begin(&db).await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert_eq!(archival.archived_by.as_deref(), Some("7"));
    let deleted = comment::deleted::Entity::find_by_id(1)
        .one(&txn)
        .await
        .unwrap();
    assert_eq!(deleted.unwrap().deleted_by, Some(7));
    let restored = archival.restore(&txn).await.unwrap();
    assert_eq!(restored.archival.restored_by.as_deref(), Some("7"));
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn actor_passed_with_by_wins_and_leaves_the_context_unchanged() {
    let blog = blog().await;
    let db = blog.connect().await;
    let txn = Context::new().actor(7).begin(&db).await.unwrap();
    let archival = post::Entity::archive_by_id(1)
        .by(8)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(archival.archived_by.as_deref(), Some("8"));
    assert_eq!(known(&txn).await.actor.as_deref(), Some("7"));
    txn.commit().await.unwrap();

    let txn = db.begin().await.unwrap();
    sea_orm_archive::archival::Entity::restore_by_id(archival.id)
        .by(9)
        .exec(&txn)
        .await
        .unwrap();
    assert_eq!(known(&txn).await, Known::default());
}

#[tokio::test]
async fn actor_that_does_not_fit_the_column_is_refused_and_nothing_moves() {
    let blog = blog().await;
    let db = blog.connect().await;
    let txn = Context::new().actor("alice").begin(&db).await.unwrap();
    let refused = post::Entity::archive_by_id(1).exec(&txn).await.unwrap_err();
    assert!(
        matches!(refused, Error::Refused(RefusedError::ActorType { .. })),
        "{refused}"
    );
    assert!(refused.to_string().contains("\"alice\""), "{refused}");
    assert!(
        post::Entity::find_by_id(1)
            .one(&txn)
            .await
            .unwrap()
            .is_some()
    );
}

//! The five patterns.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Set};
use sea_orm_archive::Context;
use sea_orm_archive::audit::Operation;
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::prelude::*;
use serde_json::json;

use crate::patterns::company::{as_user, company, new_post, post};

/// `created_at`, `updated_at`, `created_by`, `updated_by`.
#[tokio::test]
async fn audit_timestamps() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!((post.created_by, post.updated_by), (Some(7), Some(7)));
    let txn = as_user(&db, 8).await;
    let mut change = post.clone().into_active_model();
    change.title = Set("T".to_owned());
    let changed = change.update(&txn).await.unwrap();
    assert_eq!((changed.created_by, changed.updated_by), (Some(7), Some(8)));
    assert_eq!(changed.created_at, post.created_at);
    assert!(changed.updated_at > post.updated_at);
}

/// A table with the old and new values of every change.
#[tokio::test]
async fn full_audit_log() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let mut change = post.clone().into_active_model();
    change.title = Set("T".to_owned());
    change.update(&txn).await.unwrap();
    let entries = post::Entity::find_changes_of(post.id, post::Column::Title)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&txn)
        .await
        .unwrap();
    assert_eq!(entries.len(), 2);
    let change = entries[1].change_of(post::Column::Title).unwrap();
    assert_eq!(
        (change.old, change.new),
        (Some(json!("")), Some(json!("T")))
    );
    assert_eq!(
        (entries[1].actor.as_deref(), entries[1].tenant.as_deref()),
        (Some("7"), Some("1"))
    );
}

/// A deleted row can be restored. It is in another table, not marked by a column.
#[tokio::test]
async fn soft_delete() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let archival = post.clone().archive(&txn).await.unwrap();
    assert!(post::Entity::find().all(&txn).await.unwrap().is_empty());
    let deleted = post::deleted::Entity::find_by_id(post.id)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (deleted.deleted_by, deleted.archival_id),
        (Some(7), archival.id)
    );
    archival.restore(&txn).await.unwrap();
    assert_eq!(
        post::Entity::find_by_id(post.id)
            .one(&txn)
            .await
            .unwrap()
            .unwrap(),
        post
    );
}

/// The second of two writers gets a conflict with the current row.
#[tokio::test]
async fn optimistic_locking() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let read = new_post("a").insert(&txn).await.unwrap();
    let with_title = |title: &str| {
        let mut change = read.clone().into_active_model();
        change.title = Set(title.to_owned());
        change
    };
    assert_eq!(
        with_title("first")
            .update_if_unchanged(&txn)
            .await
            .unwrap()
            .version,
        2
    );
    match with_title("second").update_if_unchanged(&txn).await {
        Err(UpdateError::Conflict { current, .. }) => assert_eq!(current.title, "first"),
        other => panic!("{other:?}"),
    }
}

/// Rows of an organisation are invisible to another one, and without a tenant.
#[tokio::test]
async fn row_level_security() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let archived = new_post("b").insert(&txn).await.unwrap();
    let archival = archived.archive(&txn).await.unwrap();
    txn.commit().await.unwrap();
    for stranger in [Context::new().tenant(2), Context::new()] {
        let txn = stranger.begin(&db).await.unwrap();
        assert!(post::Entity::find().all(&txn).await.unwrap().is_empty());
        assert!(
            post::deleted::Entity::find()
                .all(&txn)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(
            post::Entity::find_audit()
                .order_by_asc(sea_orm_archive::audit::Column::Id)
                .all(&txn)
                .await
                .unwrap()
                .is_empty()
        );
        let record = sea_orm_archive::archival::Entity::find()
            .all(&txn)
            .await
            .unwrap();
        assert!(record.is_empty());
        let refused = post::Entity::archive_by_id(post.id).exec(&txn).await;
        assert!(
            matches!(refused, Err(Error::NotFound(NotFoundError::Row { .. }))),
            "{refused:?}"
        );
        let refused = archival.restore(&txn).await;
        assert!(
            matches!(
                refused,
                Err(Error::NotFound(NotFoundError::Archival { .. }))
            ),
            "{refused:?}"
        );
        txn.commit().await.unwrap();
        // The error ends the transaction, so this step is the last one.
        let txn = stranger.begin(&db).await.unwrap();
        assert!(new_post("c").insert(&txn).await.is_err());
    }
    let txn = as_user(&db, 7).await;
    let entries = post::Entity::find_audit()
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&txn)
        .await
        .unwrap();
    let entries: Vec<_> = entries.into_iter().map(|entry| entry.operation).collect();
    assert_eq!(
        entries,
        [Operation::Insert, Operation::Insert, Operation::Archive]
    );
}

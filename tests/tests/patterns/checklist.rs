//! The checklist, without retention and erasure.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Set};
use sea_orm_archive::Context;
use sea_orm_archive::audit;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;

use crate::patterns::company::{as_user, company, new_post, note, post};

#[tokio::test]
async fn time_of_deletion_is_stored() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let archival = new_post("a")
        .insert(&txn)
        .await
        .unwrap()
        .archive(&txn)
        .await
        .unwrap();
    let deleted = post::deleted::Entity::find()
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(deleted.deleted_at, archival.archived_at);
}

#[tokio::test]
async fn queries_need_no_filter_for_deleted_rows() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let archived = new_post("a").insert(&txn).await.unwrap();
    let active = new_post("b").insert(&txn).await.unwrap();
    archived.archive(&txn).await.unwrap();
    assert_eq!(
        post::Entity::find().all(&txn).await.unwrap(),
        std::slice::from_ref(&active)
    );
    assert_eq!(post::Entity::find().count(&txn).await.unwrap(), 1);
    let joined = note::Entity::find()
        .find_also_related(post::Entity)
        .all(&txn)
        .await
        .unwrap();
    assert!(joined.is_empty());
}

#[tokio::test]
async fn unique_value_of_a_deleted_row_can_be_used_again() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let old = new_post("slug").insert(&txn).await.unwrap();
    old.clone().archive(&txn).await.unwrap();
    let new = new_post("slug").insert(&txn).await.unwrap();
    let refused = post::Entity::restore_by_id(old.id).exec(&txn).await;
    assert!(
        matches!(refused, Err(Error::Conflict(ConflictError::Restore { .. }))),
        "{refused:?}"
    );
    new.archive(&txn).await.unwrap();
    post::Entity::restore_by_id(old.id)
        .exec(&txn)
        .await
        .unwrap();
}

#[tokio::test]
async fn log_records_actor_operation_time_and_client() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let context = Context::new()
        .actor(7)
        .tenant(1)
        .client_address([203, 0, 113, 5])
        .user_agent("browser");
    let txn = context.begin(&db).await.unwrap();
    let post = new_post("a").insert(&txn).await.unwrap();
    let entry = post::Entity::find_audit_by_id(post.id)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entry.actor.as_deref(), Some("7"));
    assert_eq!(entry.operation, audit::Operation::Insert);
    assert!(entry.at >= post.created_at);
    let details = entry
        .find_related(audit::details::Entity)
        .one(&txn)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(details.details["client_address"], "203.0.113.5");
    assert_eq!(details.details["user_agent"], "browser");
}

#[tokio::test]
async fn log_stores_old_and_new_values() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let mut change = post.clone().into_active_model();
    change.slug = Set("b".to_owned());
    change.update(&txn).await.unwrap();
    post::Entity::delete_by_id(post.id)
        .exec(&txn)
        .await
        .unwrap();
    let entries = post::Entity::find_audit_by_id(post.id)
        .order_by_asc(sea_orm_archive::audit::Column::Id)
        .all(&txn)
        .await
        .unwrap();
    let slugs: Vec<_> = entries
        .iter()
        .map(|entry| {
            let change = entry.change_of(post::Column::Slug).unwrap();
            let text = |side: Option<Json>| side.and_then(|value| Some(value.as_str()?.to_owned()));
            (text(change.old), text(change.new))
        })
        .collect();
    let side = |text: &str| Some(text.to_owned());
    assert_eq!(
        slugs,
        [(None, side("a")), (side("a"), side("b")), (side("b"), None)]
    );
}

#[tokio::test]
async fn dependent_rows_are_archived_and_restored_with_their_row() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let note = note::ActiveModel {
        org_id: Set(1),
        post_id: Set(post.id),
        text: Set("n".to_owned()),
        ..Default::default()
    };
    let note = note.insert(&txn).await.unwrap();
    let archival = post.archive(&txn).await.unwrap();
    assert!(note::Entity::find().all(&txn).await.unwrap().is_empty());
    archival.restore(&txn).await.unwrap();
    assert_eq!(note::Entity::find().all(&txn).await.unwrap(), [note]);
}

#[tokio::test]
async fn deleted_rows_can_be_found_by_time_and_restored() {
    let company = company().await;
    let db = company.connect_as("web").await;
    let txn = as_user(&db, 7).await;
    let post = new_post("a").insert(&txn).await.unwrap();
    let archival = post.clone().archive(&txn).await.unwrap();
    let old = post::deleted::Entity::find()
        .filter(post::deleted::Column::DeletedAt.lte(archival.archived_at))
        .all(&txn)
        .await
        .unwrap();
    assert_eq!(old.len(), 1);
    old.into_iter().next().unwrap().restore(&txn).await.unwrap();
    assert_eq!(post::Entity::find().all(&txn).await.unwrap(), [post]);
}

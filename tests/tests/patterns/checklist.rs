//! The checklist for deleted rows.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::{IntoActiveModel, Set};
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, archival, audit, erasure};
use sea_orm_archive_migration::{ErasureSchema, PersonalData, Retention, RetentionSchema};
use sea_orm_archive_tests::sql::{number, places, run};
use sea_orm_migration::SchemaManager;

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

#[tokio::test]
async fn rule_decides_how_long_deleted_rows_are_kept() {
    let company = company().await;
    let db = company.connect().await;
    SchemaManager::new(&db)
        .retain("posts", Retention::days(30))
        .await
        .unwrap();
    let archived = new_post("a").insert(&db).await.unwrap();
    archived.archive(&db).await.unwrap();
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 0);
    run(
        &db,
        "update archive.archival set archived_at = archived_at - interval '30 days'",
    )
    .await;
    let purged = archival::Entity::purge_expired().exec(&db).await.unwrap();
    assert_eq!(purged.archivals, 1);
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
    let records = "select count(*) from archive.archival where purged_at is not null and row_counts ->> 'public.posts' = '1'";
    assert_eq!(number(&db, records).await, 1);
}

#[tokio::test]
async fn old_rows_leave_the_table_in_batches_and_are_read_beside_the_others() {
    let company = company().await;
    let db = company.connect().await;
    for slug in ["a", "b", "c"] {
        new_post(slug).insert(&db).await.unwrap();
    }
    let new = new_post("d").insert(&db).await.unwrap();
    let old = post::Column::CreatedAt.lt(new.created_at);
    let mut batches = post::Entity::archive_many().filter(old).in_batches(2);
    let mut rows = Vec::new();
    while let Some(batch) = batches.next(&db).await.unwrap() {
        rows.push(batch.len());
    }
    assert_eq!(rows, [2, 1]);
    assert_eq!(post::Entity::find().count(&db).await.unwrap(), 1);
    let all = post::Entity::find_with_deleted().all(&db).await.unwrap();
    assert_eq!(all.len(), 4);
}

#[tokio::test]
async fn person_is_erased_in_tables_archive_tables_and_the_log() {
    let company = company().await;
    let db = company.connect().await;
    let manager = SchemaManager::new(&db);
    run(
        &db,
        "create table persons (id bigint primary key, email text); insert into persons values (7, 'ada@example.org')",
    )
    .await;
    let persons = PersonalData::of_person()
        .pseudonym("email")
        .identifying(["email"]);
    manager
        .declare_personal_data("persons", persons)
        .await
        .unwrap();
    let posts = PersonalData::belongs_to("persons", ["created_by"]).constant("title", "[erased]");
    manager.declare_personal_data("posts", posts).await.unwrap();
    let mut old = new_post("a");
    (old.title, old.created_by) = (Set("by ada@example.org".to_owned()), Set(Some(7)));
    let txn = Context::new().actor(7).begin(&db).await.unwrap();
    let old = old.insert(&txn).await.unwrap();
    old.archive(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert!(!places(&db, "ada@example.org").await.is_empty());
    let certificate = erasure::Entity::erase("persons", ["7".to_owned()])
        .exec(&db)
        .await
        .unwrap();
    assert!(certificate.is_complete(), "{certificate}");
    assert_eq!(places(&db, "ada@example.org").await, [""; 0]);
}

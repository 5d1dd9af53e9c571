//! `Guard::refuse()`: archives, restores and purges pass, everything else is refused.

use blog::{comment, post};
use sea_orm::{EntityTrait, TransactionTrait};
use sea_orm_archive::error::RefusedError;
use sea_orm_archive::{Error, archival, prelude::*};
use sea_orm_archive_migration::{ArchiveSchema, Guard, GuardSchema};
use sea_orm_archive_tests::sql::{count, refused, run};
use sea_orm_migration::SchemaManager;
use serde_json::json;

use crate::guard::{assert_finished, contents, guarded};

#[tokio::test]
async fn deletion_and_truncate_past_the_archive_are_refused() {
    let (_database, db) = guarded(Guard::refuse()).await;
    let before = contents(&db).await;
    for (statement, table) in [
        ("delete from posts where id = 1", "posts"),
        ("delete from comments where id = 2", "comments"),
        ("delete from posts where id = 3", "posts"),
        (
            "with gone as (delete from posts where id = 3 returning id) select count(*) from gone",
            "posts",
        ),
        ("truncate posts cascade", "posts"),
        ("truncate likes", "likes"),
        (
            "merge into posts as p using (values (3)) as v(id) on p.id = v.id when matched then delete",
            "posts",
        ),
        (
            "set session_replication_role = replica; delete from posts where id = 3",
            "posts",
        ),
    ] {
        let refusal = refused(&db, statement).await;
        assert_eq!(refusal.code, "AR040", "{statement}: {}", refusal.message);
        assert!(refusal.message.contains("archive()"), "{}", refusal.message);
        assert_eq!(refusal.table.as_deref(), Some(table), "{statement}");
    }
    run(
        &db,
        "reset session_replication_role; delete from posts where false",
    )
    .await;
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn error_names_the_table_and_the_keys() {
    let (_database, db) = guarded(Guard::refuse()).await;
    let error: Error = post::Entity::delete_by_id(3)
        .exec(&db)
        .await
        .unwrap_err()
        .into();
    assert_eq!(error.http_status(), 422);
    match error {
        Error::Refused(RefusedError::Guarded {
            table,
            keys,
            message,
        }) => {
            assert_eq!(
                (table.as_str(), keys),
                ("public.posts", vec![json!({"id": 3})])
            );
            assert!(
                message.contains("public.posts is guarded") && message.contains("1 of its rows"),
                "{message}"
            );
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn archives_restores_and_purges_pass() {
    let (_database, db) = guarded(Guard::refuse()).await;
    let before = contents(&db).await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    let both = post::Entity::archive_many().exec(&db).await.unwrap();
    assert_eq!(both.len(), 3);
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
    let txn = db.begin().await.unwrap();
    comment::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    archival::Entity::purge_many().exec(&db).await.unwrap();
    assert_eq!(count(&db, "posts").await, 2);
    assert_eq!(
        count(&db, "deleted_posts").await + count(&db, "deleted_comments").await,
        0
    );
    assert_finished(&db).await;
}

/// The proof of an archive restores rows, and checks deferred constraints before it marks the archivals.
#[tokio::test]
async fn archive_that_is_proven_by_a_restore_passes() {
    let (_database, db) = guarded(Guard::refuse()).await;
    run(
        &db,
        "alter table posts add column comments_count bigint not null default 1;
         create function count_comments() returns trigger language plpgsql as $$ begin
             update posts set comments_count = comments_count + case tg_op when 'INSERT' then 1 else -1 end
             where id = case tg_op when 'INSERT' then new.post_id else old.post_id end;
             return null;
         end $$;
         create trigger count_comments after insert or delete on comments for each row execute function count_comments()",
    )
    .await;
    let manager = SchemaManager::new(&db);
    manager.sync_archived_table("posts").await.unwrap();
    let before = contents(&db).await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

#[tokio::test]
async fn archived_rows_leave_by_a_restore_or_a_purge_only() {
    let (_database, db) = guarded(Guard::refuse()).await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = contents(&db).await;
    for statement in [
        "delete from deleted_posts",
        "truncate deleted_likes",
        "delete from deleted_comments where id = 1",
    ] {
        let refusal = refused(&db, statement).await;
        assert_eq!(refusal.code, "AR040", "{statement}");
        assert!(refusal.message.contains("restore()"), "{}", refusal.message);
    }
    assert_eq!(contents(&db).await, before);
    archival.restore(&db).await.unwrap();
}

#[tokio::test]
async fn key_that_is_archived_already_is_no_proof() {
    let (_database, db) = guarded(Guard::refuse()).await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    run(&db, "insert into posts (id, title, slug, content, author_id) values (3, 'Another', 'another', '', 1)").await;
    assert_eq!(
        refused(&db, "delete from posts where id = 3").await.code,
        "AR040"
    );
}

#[tokio::test]
async fn dropped_guard_lets_rows_go() {
    let (_database, db) = guarded(Guard::refuse()).await;
    let manager = SchemaManager::new(&db);
    for table in crate::guard::TABLES {
        manager.drop_guard(table).await.unwrap();
        manager.drop_guard(table).await.unwrap();
    }
    run(&db, "delete from posts; truncate deleted_posts").await;
    assert_eq!(count(&db, "likes").await, 0);
    assert_eq!(
        count(&db, "pg_trigger where tgname like 'archive_guard%'").await,
        0
    );
    assert_eq!(
        count(&db, "pg_proc where proname ~ '^guard_[0-9]'").await,
        0
    );
}

//! Calls: actor and reason, errors, and transactions of the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blog::{comment, post};
use migration::{Migrator, MigratorTrait};
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, DatabaseExecutor, TransactionTrait};
use sea_orm_archive::Executor;
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::trees::database::{contents, count, run};

async fn blog() -> Database {
    Database::from_template("small blog", async |db| {
        Migrator::up(&db, Some(2)).await?;
        db.execute_unprepared(
            "insert into users (id, name) values (1, 'alice');
             insert into posts (id, title, slug, content, author_id) values (1, '', 'one', '', 1), (2, '', 'two', '', 1);
             insert into comments (id, post_id, author_id, content) values (1, 1, 1, ''), (2, 1, 1, '')",
        )
        .await?;
        Ok(())
    })
    .await
}

async fn post_1(db: &DatabaseConnection) -> post::Model {
    post::Entity::find_by_id(1).one(db).await.unwrap().unwrap()
}

#[tokio::test]
async fn actor_reason_and_metadata_are_stored() {
    let blog = blog().await;
    let db = blog.connect().await;
    let metadata = serde_json::json!({ "ticket": [1, null] });
    let archival = post::Entity::archive_by_id(1)
        .by(7)
        .reason("it's \\ spam")
        .metadata(metadata.clone())
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(archival.archived_by.as_deref(), Some("7"));
    assert_eq!(archival.reason.as_deref(), Some("it's \\ spam"));
    assert_eq!(archival.metadata, Some(metadata));
    let deleted = comment::deleted::Entity::find_by_id(2)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (deleted.deleted_by, deleted.archival_id),
        (Some(7), archival.id)
    );
    assert_eq!(deleted.deleted_at, archival.archived_at);
    let (_, record) = comment::deleted::Entity::find_by_id(2)
        .find_also_related(sea_orm_archive::archival::Entity)
        .one(&db)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.as_ref(), Some(&archival));
    let restored = post::Entity::restore_by_id(1)
        .by(8)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.archival.restored_by.as_deref(), Some("8"));
    assert!(restored.archival.restored_at > Some(archival.archived_at));
    // All of them are optional.
    let archival = post_1(&db).await.archive(&db).await.unwrap();
    assert_eq!(
        (archival.archived_by, archival.reason, archival.metadata),
        (None, None, None)
    );
}

/// Comments that were archived with a post, and restored posts, are not in the list.
#[tokio::test]
async fn find_deleted_roots_returns_roots_with_their_archivals_newest_first() {
    let blog = blog().await;
    let db = blog.connect().await;
    run(
        &db,
        "insert into comments (id, post_id, author_id, content) values (3, 2, 1, ''), (4, 2, 1, '')",
    )
    .await;
    for comment in [3, 4] {
        comment::Entity::archive_by_id(comment)
            .by(7)
            .exec(&db)
            .await
            .unwrap();
    }
    for (post, reason) in [(2, "spam"), (1, "old")] {
        post::Entity::archive_by_id(post)
            .by(8)
            .reason(reason)
            .exec(&db)
            .await
            .unwrap();
    }
    let posts = post::Entity::find_deleted_roots().all(&db).await.unwrap();
    let listed: Vec<_> = posts
        .iter()
        .map(|(post, archival)| {
            let archival = archival.as_ref().unwrap();
            (
                post.id,
                archival.archived_by.as_deref(),
                archival.reason.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        listed,
        [(1, Some("8"), Some("old")), (2, Some("8"), Some("spam"))]
    );
    let comments = comment::Entity::find_deleted_roots();
    let pages = comments.clone().paginate(&db, 1);
    assert_eq!(pages.num_pages().await.unwrap(), 2);
    assert_eq!(pages.fetch_page(0).await.unwrap()[0].0.id, 4);
    assert_eq!(pages.fetch_page(1).await.unwrap()[0].0.id, 3);
    let filtered = comments.filter(comment::deleted::Column::Id.eq(3));
    assert_eq!(filtered.all(&db).await.unwrap().len(), 1);
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    let posts = post::Entity::find_deleted_roots().all(&db).await.unwrap();
    assert_eq!(posts.len(), 1);
}

/// An archive and a restore are one statement each, whatever the number of rows.
#[tokio::test]
async fn archive_and_restore_send_one_statement_each() {
    let blog = blog().await;
    let mut db = blog.connect().await;
    run(
        &db,
        "insert into comments (id, post_id, author_id, content) select id, 2, 1, '' from generate_series(3, 3002) as id;
         insert into likes (comment_id, user_id) select id, 1 from comments where post_id = 2",
    )
    .await;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    db.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    // The first round caches the plan. Other tests of this binary replace it with plans of their databases, so the
    // minimum of many rounds counts.
    for id in [1, 2] {
        let mut fewest = (usize::MAX, usize::MAX);
        for _ in 0..200 {
            sent.store(0, Ordering::Relaxed);
            post::Entity::archive_by_id(id).exec(&db).await.unwrap();
            fewest.0 = fewest.0.min(sent.swap(0, Ordering::Relaxed));
            post::Entity::restore_by_id(id).exec(&db).await.unwrap();
            fewest.1 = fewest.1.min(sent.swap(0, Ordering::Relaxed));
            if fewest == (1, 1) {
                break;
            }
        }
        assert_eq!(fewest, (1, 1));
    }
    assert_eq!(count(&db, "comments", "post_id = 2").await, 3000);
}

#[tokio::test]
async fn calls_on_missing_or_already_moved_rows_report_why() {
    let blog = blog().await;
    let db = blog.connect().await;
    let error = post::Entity::archive_by_id(99).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
    let error = post::Entity::restore_by_id(99)
        .preview(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Row { .. })),
        "{error}"
    );
    let error = post::Entity::restore_by_id(1).exec(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::NotArchived { .. })),
        "{error}"
    );
    let archival = post_1(&db).await.archive(&db).await.unwrap();
    match post::Entity::archive_by_id(1)
        .preview(&db)
        .await
        .unwrap_err()
    {
        Error::Conflict(ConflictError::AlreadyArchived { archival: id, .. }) => {
            assert_eq!(id, archival.id)
        }
        error => panic!("{error}"),
    }
    match comment::Entity::restore_by_id(1)
        .exec(&db)
        .await
        .unwrap_err()
    {
        Error::Conflict(ConflictError::ParentArchived {
            archival: id,
            parent_table,
            ..
        }) => {
            assert_eq!((id, parent_table.as_str()), (archival.id, "public.posts"));
        }
        error => panic!("{error}"),
    }
    archival.restore(&db).await.unwrap();
    let error = archival.restore(&db).await.unwrap_err();
    assert!(
        matches!(error, Error::NotFound(NotFoundError::Archival { .. })),
        "{error}"
    );
    let none = post::Entity::archive_many()
        .filter(post::Column::Id.gt(99))
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(none, []);
}

/// A comment archived before its post stays archived when the post is restored.
#[tokio::test]
async fn restore_does_not_restore_rows_archived_before() {
    let blog = blog().await;
    let db = blog.connect().await;
    let before = contents(&db).await;
    comment::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let archival = post_1(&db).await.archive(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    assert_eq!(count(&db, "comments", "id = 2").await, 1);
    assert_eq!(count(&db, "deleted_comments", "id = 1").await, 1);
    comment::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(contents(&db).await, before);
}

/// In a transaction of the caller a call is a savepoint: it is rolled back with the transaction, and errors leave the
/// transaction usable.
#[tokio::test]
async fn errors_leave_the_callers_transaction_usable() {
    let blog = blog().await;
    let db = blog.connect().await;
    let before = contents(&db).await;
    let txn = db.begin().await.unwrap();
    post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    assert!(post::Entity::archive_by_id(1).exec(&txn).await.is_err());
    run(
        &txn,
        "insert into posts (id, title, slug, content, author_id) values (3, '', 'one', '', 1)",
    )
    .await;
    let error = post::Entity::restore_by_id(1).exec(&txn).await.unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::Restore { .. })),
        "{error}"
    );
    assert_eq!(count(&txn, "posts", "true").await, 2);
    let nested = txn.begin().await.unwrap();
    post::Entity::archive_many().exec(&nested).await.unwrap();
    assert_eq!(count(&nested, "posts", "true").await, 0);
    nested.rollback().await.unwrap();
    assert_eq!(count(&txn, "posts", "true").await, 2);
    txn.rollback().await.unwrap();
    assert_eq!(contents(&db).await, before);

    let txn = db.begin().await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
    archival.restore(&txn).await.unwrap();
    post::Entity::archive_by_id(2).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(count(&db, "deleted_posts", "true").await, 1);
}

/// A role that owns no table, with the rights on the tables and those of `grant_archive`.
#[tokio::test]
async fn ordinary_role_can_archive_and_restore() {
    let blog = blog().await;
    let owner = blog.connect().await;
    let role = blog.role("web").await;
    let tables = "posts, comments, likes, post_tags, deleted_posts, deleted_comments, deleted_likes, deleted_post_tags, deleted_tags";
    run(&owner, &format!(r#"grant select, insert, update, delete on {tables} to "{role}"; grant select on users, tags to "{role}""#)).await;
    SchemaManager::new(&owner)
        .grant_archive(&role)
        .await
        .unwrap();
    let db = blog.connect_as("web").await;
    let before = contents(&owner).await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    archival.restore(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::restore_by_id(1).preview(&db).await.unwrap();
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(contents(&owner).await, before);
}

/// Two databases with the same entities: a plan of one is never used in the other.
#[tokio::test]
async fn plans_of_two_databases_in_one_process_are_separate() {
    let (one, two) = (blog().await, blog().await);
    let (first, second) = (one.connect().await, two.connect().await);
    run(
        &second,
        "alter table comments add column extra text not null default 'precious';
         alter table deleted_comments add column extra text not null",
    )
    .await;
    for _ in 0..7 {
        for db in [&first, &second] {
            let before = contents(db).await;
            post::Entity::archive_by_id(1).exec(db).await.unwrap();
            post::Entity::restore_by_id(1).exec(db).await.unwrap();
            assert_eq!(contents(db).await, before);
        }
    }
}

/// One statement, whatever the number of rows: no BEGIN, no COMMIT, and no row is sent to the client.
#[tokio::test]
async fn every_kind_of_archive_and_restore_sends_one_statement() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let blog = blog().await;
    let mut db = blog.connect().await;
    post_1(&db)
        .await
        .archive(&db)
        .await
        .unwrap()
        .restore(&db)
        .await
        .unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    db.set_metric_callback(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    for comments in [0, 1000] {
        run(
            &db,
            &format!(
                "insert into comments (id, post_id, author_id, content)
                     select 10 + n, 1, 1, '' from generate_series(1, {comments}) n"
            ),
        )
        .await;
        // Other tests of this binary replace the cached plan with plans of their databases, so the minimum counts.
        let mut fewest = [usize::MAX; 4];
        for _ in 0..200 {
            let mut counted = [0; 4];
            sent.store(0, Ordering::Relaxed);
            let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
            counted[0] = sent.swap(0, Ordering::Relaxed);
            assert_eq!(archival.rows()["public.comments"], 2 + comments);
            post::Entity::restore_by_id(1).exec(&db).await.unwrap();
            counted[1] = sent.swap(0, Ordering::Relaxed);
            let all = post::Entity::archive_many().exec(&db).await.unwrap();
            counted[2] = sent.swap(0, Ordering::Relaxed);
            counted[3] = usize::MAX;
            for archival in &all {
                archival.restore(&db).await.unwrap();
                counted[3] = counted[3].min(sent.swap(0, Ordering::Relaxed));
            }
            for (fewest, counted) in fewest.iter_mut().zip(counted) {
                *fewest = counted.min(*fewest);
            }
            if fewest == [1; 4] {
                break;
            }
        }
        assert_eq!(
            fewest, [1; 4],
            "archive, restore, archive of many, restore by archival of {comments}"
        );
    }
}

/// With different query plans for the statement that finds the archival of a key.
#[tokio::test]
async fn restore_marks_only_its_own_archival() {
    let blog = blog().await;
    run(
        &blog.connect().await,
        "insert into posts (id, title, slug, content, author_id)
             select n, '', 'post ' || n, '', 1 from generate_series(3, 20) n",
    )
    .await;
    for setting in [
        "search_path = public",
        "enable_indexscan = off",
        "enable_bitmapscan = off",
        "plan_cache_mode = force_generic_plan",
    ] {
        let setting = format!("alter database \"{}\" set {setting}", blog.name());
        run(&blog.connect().await, &setting).await;
        let db = blog.connect().await;
        post::Entity::archive_many().exec(&db).await.unwrap();
        run(&db, "analyze").await;
        for id in 1..=20 {
            post::Entity::restore_by_id(id).exec(&db).await.unwrap();
            let left = count(&db, "archive.archival", "restored_at is null").await;
            assert_eq!(left, i64::from(20 - id), "{setting}");
        }
    }
}

/// Generic over the connection, without a `'static` bound.
async fn archive_and_restore(db: &impl Executor) {
    let archival = post::Entity::archive_by_id(1).exec(db).await.unwrap();
    archival.restore(db).await.unwrap();
}

#[tokio::test]
async fn verbs_run_on_every_kind_of_connection() {
    let database = blog().await;
    let db = database.connect().await;
    let before = contents(&db).await;
    archive_and_restore(&db).await;
    archive_and_restore(&DatabaseExecutor::from(&db)).await;
    archive_and_restore(SchemaManager::new(&db).get_connection()).await;
    let transaction = db.begin().await.unwrap();
    archive_and_restore(&transaction).await;
    archive_and_restore(&DatabaseExecutor::from(&transaction)).await;
    archive_and_restore(SchemaManager::new(&transaction).get_connection()).await;
    transaction.commit().await.unwrap();
    assert_eq!(contents(&db).await, before);
}

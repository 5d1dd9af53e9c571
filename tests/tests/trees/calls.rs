//! How calls behave: who and why, what is told, and transactions of the caller's.

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
async fn who_when_and_why() {
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
    // And without any of it.
    let archival = post_1(&db).await.archive(&db).await.unwrap();
    assert_eq!(
        (archival.archived_by, archival.reason, archival.metadata),
        (None, None, None)
    );
}

/// Comments that went below a post, and rows of posts that were restored, are not in the list.
#[tokio::test]
async fn the_deleted_list_has_roots_with_their_archivals_newest_first() {
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

/// One each: an archive and a restore are one round trip, and what they ask the server to run does
/// not depend on the rows either.
#[tokio::test]
async fn as_many_statements_for_many_rows_as_for_few() {
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
    // The first round makes the plan; from then on it is cached. Other tests of this binary put the plans of their databases
    // in front of it, so the fewest of many rounds count.
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
async fn what_is_not_there() {
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

/// A comment deleted before its post stays deleted when the post comes back.
#[tokio::test]
async fn an_earlier_deletion_is_not_undone() {
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

/// In a transaction of the caller's the work is a savepoint: it goes with the transaction, and its
/// errors leave that usable.
#[tokio::test]
async fn in_a_transaction_of_the_callers() {
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

/// A role that owns nothing, with what it takes to delete and what `grant_archive` gives.
#[tokio::test]
async fn an_ordinary_role() {
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

/// Two databases with the same entities, in turn: a plan of one is never used in the other.
#[tokio::test]
async fn two_databases_in_one_process() {
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

/// One statement, whatever the number of rows: no BEGIN, no COMMIT, no row through the client.
#[tokio::test]
async fn one_statement_for_any_number_of_rows() {
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
        // Other tests of this binary put the plans of their databases in front of this one's: the fewest count.
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
            for archival in &all {
                archival.restore(&db).await.unwrap();
            }
            counted[3] = sent.swap(0, Ordering::Relaxed) / all.len();
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

/// Whatever plan the server chooses for the statement that finds the archival of a key.
#[tokio::test]
async fn a_restore_marks_its_own_archival_alone() {
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

/// Generic over the connection, without `'static`.
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

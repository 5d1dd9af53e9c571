//! What happens beside an archive.

use blog::{comment, post};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait,
};
use sea_orm_archive::error::{ConflictError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{Database, Session, race};

use crate::races::blog::{At, BOTH, OnDelete, blog as database, count, find};
use crate::races::naive;

/// A session has written something and not committed; an archive of post 1 waits for it, and goes on
/// when it commits.
async fn archive_waits_for(database: &Database, sql: &str) -> DatabaseConnection {
    let (_, archived) = race! { database;
        writer holds |txn| txn.execute_unprepared(sql);
        archiver waits for writer |db| post::Entity::archive_by_id(1).exec(db);
        writer commits;
    };
    archived.unwrap();
    database.connect().await
}

/// The same against a naive protocol, whose second half may have to wait for the writer.
async fn naive_waits_for<F>(
    database: &Database,
    first: impl AsyncFn(&DatabaseTransaction) -> Result<(), DbErr>,
    sql: &str,
    second: impl FnOnce(DatabaseTransaction) -> F,
) -> Session
where
    F: Future<Output = Result<(), DbErr>> + Send + 'static,
{
    let (writer, archiver) = (
        database.session("writer").await,
        database.session("archiver").await,
    );
    let archiving = archiver.db().begin().await.unwrap();
    first(&archiving).await.unwrap();
    let writing = writer.db().begin().await.unwrap();
    writing.execute_unprepared(sql).await.unwrap();
    let step = archiver.start(second(archiving));
    database.wait_until_blocked_by(&archiver, &writer).await;
    writing.commit().await.unwrap();
    step.finish().await.unwrap();
    archiver
}

const INSERT_COMMENT: &str =
    "insert into comments (id, post_id, author_id, content) values (9, 1, 1, 'new')";
const INSERT_LIKE: &str = "insert into likes (id, comment_id, user_id) values (9, 1, 2)";
const UPDATE_COMMENT: &str = "update comments set content = 'new' where id = 1";

/// A comment is inserted while its post is archived. The writer comes first: the comment goes along.
#[tokio::test]
async fn a_child_is_inserted() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, INSERT_COMMENT).await;
        assert_eq!(
            find(&db, "comments", "id = 9").await,
            At::Archived,
            "{on_delete:?}"
        );
    }
}

/// Naive: copied before the insert, deleted after it. The new comment is in neither table.
#[tokio::test]
async fn a_child_is_inserted_naive() {
    let blog = database(OnDelete::Cascade).await;
    let archiver = naive_waits_for(
        &blog,
        async |txn| naive::copy(txn, 1).await,
        INSERT_COMMENT,
        |txn| async move {
            naive::delete_root(&txn, 1).await?;
            txn.commit().await
        },
    )
    .await;
    assert_eq!(
        find(&archiver.db(), "comments", "id = 9").await,
        At::Nowhere
    );
}

/// The archive comes first: the writer waits, and is told that there is no such post.
#[tokio::test]
async fn a_child_comes_too_late() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let (writer, archiver) = (blog.session("writer").await, blog.session("archiver").await);
        let archiving = archiver.db().begin().await.unwrap();
        post::Entity::archive_by_id(1)
            .exec(&archiving)
            .await
            .unwrap();
        let db = writer.db();
        let writing = writer.start(async move { db.execute_unprepared(INSERT_COMMENT).await });
        blog.wait_until_blocked_by(&writer, &archiver).await;
        archiving.commit().await.unwrap();
        let error = writing.finish().await.unwrap_err().to_string();
        assert!(error.contains("violates foreign key constraint"), "{error}");
        assert_eq!(find(&writer.db(), "comments", "id = 9").await, At::Nowhere);
    }
}

/// A like is inserted on a comment of the post that is archived: it goes along.
#[tokio::test]
async fn a_grandchild_is_inserted() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, INSERT_LIKE).await;
        assert_eq!(
            find(&db, "likes", "id = 9").await,
            At::Archived,
            "{on_delete:?}"
        );
    }
}

/// Naive: with the root alone locked, the statement that moves does not see the like, and the cascade
/// deletes it.
#[tokio::test]
async fn a_grandchild_is_inserted_naive() {
    let blog = database(OnDelete::Cascade).await;
    let archiver = naive_waits_for(
        &blog,
        async |txn| naive::lock_root(txn, 1).await,
        INSERT_LIKE,
        |txn| async move {
            naive::move_at_once(&txn, 1).await?;
            txn.commit().await
        },
    )
    .await;
    assert_eq!(find(&archiver.db(), "likes", "id = 9").await, At::Nowhere);
}

/// A comment is changed while its post is archived: what is archived is the new text.
#[tokio::test]
async fn a_child_is_updated() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, UPDATE_COMMENT).await;
        assert_eq!(
            count(&db, "deleted_comments", "id = 1 and content = 'new'").await,
            1
        );
        assert_eq!(find(&db, "comments", "id = 1").await, At::Archived);
    }
}

/// Naive: the parent is locked, and the copy is stale all the same.
#[tokio::test]
async fn a_child_is_updated_naive() {
    let blog = database(OnDelete::NoAction).await;
    let archiver = naive_waits_for(
        &blog,
        async |txn| {
            naive::lock_root(txn, 1).await?;
            naive::copy(txn, 1).await
        },
        UPDATE_COMMENT,
        |txn| async move {
            naive::delete(&txn, 1).await?;
            txn.commit().await
        },
    )
    .await;
    assert_eq!(
        count(&archiver.db(), "deleted_comments", "content = 'old'").await,
        1
    );
}

/// A leaf, which no step has locked, is changed: DELETE waits for it and returns what it became.
#[tokio::test]
async fn a_leaf_is_updated() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, "update likes set user_id = 2 where id = 1").await;
        assert_eq!(
            count(&db, "deleted_likes", "id = 1 and user_id = 2").await,
            1
        );
        assert_eq!(find(&db, "likes", "id = 1").await, At::Archived);
    }
}

/// A comment moves to another post meanwhile: it stays, with its like.
#[tokio::test]
async fn a_child_moves_away() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, "update comments set post_id = 2 where id = 1").await;
        assert_eq!(
            find(&db, "comments", "id = 1").await,
            At::Active,
            "{on_delete:?}"
        );
        assert_eq!(
            find(&db, "likes", "id = 1").await,
            At::Active,
            "{on_delete:?}"
        );
        assert_eq!(
            find(&db, "posts", "id = 1").await,
            At::Archived,
            "{on_delete:?}"
        );
    }
}

/// So does a leaf.
#[tokio::test]
async fn a_leaf_moves_away() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let db = archive_waits_for(&blog, "update likes set comment_id = 2 where id = 1").await;
        assert_eq!(
            find(&db, "likes", "id = 1").await,
            At::Active,
            "{on_delete:?}"
        );
        assert_eq!(
            find(&db, "comments", "id = 1").await,
            At::Archived,
            "{on_delete:?}"
        );
    }
}

/// A comment is deleted for good meanwhile: it is in no table, as it should be.
#[tokio::test]
async fn a_child_is_deleted() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let gone = "delete from likes where id = 1; delete from comments where id = 1";
        let db = archive_waits_for(&blog, gone).await;
        assert_eq!(
            find(&db, "comments", "id = 1").await,
            At::Nowhere,
            "{on_delete:?}"
        );
        assert_eq!(
            find(&db, "posts", "id = 1").await,
            At::Archived,
            "{on_delete:?}"
        );
    }
}

/// Two archives of one post: the first wins, the second is told by which archival.
#[tokio::test]
async fn both_archive() {
    for commit in [true, false] {
        let blog = database(OnDelete::Cascade).await;
        let (first, second) = (blog.session("first").await, blog.session("second").await);
        let archiving = first.db().begin().await.unwrap();
        let won = post::Entity::archive_by_id(1)
            .exec(&archiving)
            .await
            .unwrap();
        let db = second.db();
        let waiting = second.start(async move { post::Entity::archive_by_id(1).exec(&db).await });
        blog.wait_until_blocked_by(&second, &first).await;
        let outcome = if commit {
            archiving.commit().await.unwrap();
            waiting.finish().await
        } else {
            archiving.rollback().await.unwrap();
            waiting.finish().await
        };
        match outcome {
            Err(Error::Conflict(ConflictError::AlreadyArchived { archival, .. })) => {
                assert!(commit && archival == won.id)
            }
            Ok(archival) => assert!(!commit && archival.rows()["public.comments"] == 1),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(find(&second.db(), "posts", "id = 1").await, At::Archived);
        assert_eq!(count(&second.db(), "archive.archival", "true").await, 1);
    }
}

/// Two bulk archives that overlap lock in the order of the keys: the second waits, and takes the rest.
#[tokio::test]
async fn bulk_archives_overlap() {
    let blog = database(OnDelete::Cascade).await;
    let (first, second) = (blog.session("first").await, blog.session("second").await);
    let archiving = first.db().begin().await.unwrap();
    let some = post::Entity::archive_many().filter(post::Column::Id.is_in([3, 1]));
    assert_eq!(some.exec(&archiving).await.unwrap().len(), 2);
    let db = second.db();
    let all = second.start(async move { post::Entity::archive_many().exec(&db).await });
    blog.wait_until_blocked_by(&second, &first).await;
    archiving.commit().await.unwrap();
    let rest = all.finish().await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].root_key, serde_json::json!({ "id": 2 }));
    assert_eq!(count(&second.db(), "deleted_posts", "true").await, 3);
}

/// Opposite orders across transactions of the caller's are a deadlock. The one on a pool is tried
/// again; the one in a transaction is told. Nothing is lost.
#[tokio::test]
async fn opposite_orders() {
    let blog = database(OnDelete::Cascade).await;
    let (first, second) = (blog.session("first").await, blog.session("second").await);
    let archiving = first.db().begin().await.unwrap();
    post::Entity::archive_by_id(2)
        .exec(&archiving)
        .await
        .unwrap();
    let db = second.db();
    let all = post::Entity::archive_many().filter(post::Column::Id.is_in([1, 2]));
    let waiting = second.start(async move { all.exec(&db).await });
    blog.wait_until_blocked_by(&second, &first).await;
    let done = match post::Entity::archive_by_id(1).exec(&archiving).await {
        Ok(_) => {
            archiving.commit().await.unwrap();
            assert_eq!(waiting.finish().await.unwrap().len(), 0);
            2
        }
        Err(Error::Retry(RetryError::Contention { code, .. })) => {
            assert_eq!(code, "40P01");
            archiving.rollback().await.unwrap();
            waiting.finish().await.unwrap().len()
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(done, 2);
    for id in [1, 2] {
        assert_eq!(
            find(&second.db(), "posts", &format!("id = {id}")).await,
            At::Archived
        );
    }
}

/// A comment and its post are archived at once: each row goes with one of the two, and both can come
/// back.
#[tokio::test]
async fn a_child_is_archived_too() {
    let blog = database(OnDelete::Cascade).await;
    let (first, second) = (blog.session("first").await, blog.session("second").await);
    let archiving = first.db().begin().await.unwrap();
    comment::Entity::archive_by_id(1)
        .exec(&archiving)
        .await
        .unwrap();
    let db = second.db();
    let waiting = second.start(async move { post::Entity::archive_by_id(1).exec(&db).await });
    blog.wait_until_blocked_by(&second, &first).await;
    archiving.commit().await.unwrap();
    let archival = waiting.finish().await.unwrap();
    assert_eq!(archival.rows()["public.comments"], 0);
    let db = second.db();
    archival.restore(&db).await.unwrap();
    assert_eq!(find(&db, "comments", "id = 1").await, At::Archived);
    comment::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(find(&db, "likes", "id = 1").await, At::Active);
}

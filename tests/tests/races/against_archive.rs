//! Races of an archive with other sessions.

use blog::{comment, post};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait,
};
use sea_orm_archive::error::{ConflictError, RetryError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::{Database, Session, race};

use crate::races::blog::{At, BOTH, OnDelete, blog as database, count, find};
use crate::races::naive;

/// Runs `sql` in a transaction, starts an archive of post 1, which waits for it, and commits.
async fn archive_waits_for(database: &Database, sql: &str) -> DatabaseConnection {
    let (_, archived) = race! { database;
        writer holds |txn| txn.execute_unprepared(sql);
        archiver waits for writer |db| post::Entity::archive_by_id(1).exec(db);
        writer commits;
    };
    archived.unwrap();
    database.connect().await
}

/// The same with a naive archive, whose second half waits for the writer.
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

/// Race: a comment is inserted before its post is archived. The comment is archived too.
#[tokio::test]
async fn child_inserted_before_an_archive_is_archived_too() {
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

/// The naive archive copies before the insert and deletes after it: the new comment is in neither table.
#[tokio::test]
async fn naive_archive_loses_an_inserted_child() {
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

/// Race: a comment is inserted after its post was archived. The writer waits, and gets a foreign key violation.
#[tokio::test]
async fn insert_of_a_child_after_an_archive_violates_the_foreign_key() {
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

/// Race: a like is inserted on a comment of a post that is archived. The like is archived too.
#[tokio::test]
async fn grandchild_inserted_before_an_archive_is_archived_too() {
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

/// The naive archive locks the root alone: its statement does not see the like, and the cascade deletes it.
#[tokio::test]
async fn naive_archive_loses_an_inserted_grandchild() {
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

/// Race: a row that blocks the archive is inserted below a leaf, and a trigger that fires before the check of the foreign key would delete
/// it. The archive locks the leaf before it counts such rows.
#[tokio::test]
async fn blocking_row_inserted_below_a_leaf_is_counted_before_a_trigger_deletes_it() {
    let database = database(OnDelete::Cascade).await;
    let db = database.connect().await;
    db.execute_unprepared(
        "create table others (id bigint primary key, like_id bigint references likes);
         create function f() returns trigger language plpgsql as $$ begin delete from others; return old; end $$;
         create trigger \"A\" after delete on likes for each row execute function f()",
    )
    .await
    .unwrap();
    let (_, refused) = race! { database;
        writer holds |txn| txn.execute_unprepared("insert into others values (1, 1)");
        archiver waits for writer |db| post::Entity::archive_by_id(1).exec(db);
        writer commits;
    };
    assert!(
        matches!(refused, Err(Error::Conflict(ConflictError::Blocked { .. }))),
        "{refused:?}"
    );
    assert_eq!(count(&db, "others", "like_id = 1").await, 1);
}

/// Race: a comment is changed while its post is archived. The new text is archived.
#[tokio::test]
async fn update_before_an_archive_is_archived() {
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

/// The naive archive locks the root alone: it archives the old text.
#[tokio::test]
async fn naive_archive_stores_a_stale_copy() {
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

/// Race: a row without children, which no step locks, is changed. DELETE waits and returns the new values.
#[tokio::test]
async fn update_of_a_leaf_before_an_archive_is_archived() {
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

/// Race: a comment is moved to another post while its post is archived. It stays active, with its like.
#[tokio::test]
async fn child_moved_to_another_parent_is_not_archived() {
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

/// The same with a row without children.
#[tokio::test]
async fn leaf_moved_to_another_parent_is_not_archived() {
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

/// Race: a comment is deleted while its post is archived. It is in neither table.
#[tokio::test]
async fn child_deleted_before_an_archive_is_not_archived() {
    for on_delete in BOTH {
        let blog = database(on_delete).await;
        let delete = "delete from likes where id = 1; delete from comments where id = 1";
        let db = archive_waits_for(&blog, delete).await;
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

/// Race: two archives of one post. The first wins; the error of the second contains the archival of the first.
#[tokio::test]
async fn second_archive_of_a_row_reports_the_archival_of_the_first() {
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

/// Race: two bulk archives that overlap. Both lock in the order of the keys: the second waits, and archives the rest.
#[tokio::test]
async fn overlapping_bulk_archives_do_not_deadlock() {
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

/// Race: opposite orders across a transaction of the caller deadlock. The call on a pool is retried; the call in the
/// transaction returns an error. No row is lost.
#[tokio::test]
async fn deadlock_of_archives_in_opposite_orders_loses_no_row() {
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

/// Race: a comment and its post are archived. Each row belongs to one of the two archivals, and both can be restored.
#[tokio::test]
async fn child_archived_before_its_parent_has_its_own_archival() {
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

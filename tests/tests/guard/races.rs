//! Races: rows are caught while other sessions write, archive and restore.

use blog::{comment, post};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use sea_orm_archive::error::NotFoundError;
use sea_orm_archive::{Error, prelude::*};
use sea_orm_archive_migration::Guard;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{count, run, texts};
use tokio::task::JoinSet;

use crate::guard::{assert_finished, guarded};
use crate::races::blog::{At, find};

const DELETE: &str = "delete from posts where id = 1";

#[tokio::test]
async fn comment_is_inserted_beside_a_caught_deletion() {
    let (database, db) = guarded(Guard::catch()).await;
    let (_, inserted) = race! { database;
        deleter holds |txn| txn.execute_unprepared(DELETE);
        writer waits for deleter |db| db.execute_unprepared("insert into comments (id, post_id, author_id, content) values (9, 1, 1, 'new')");
        deleter commits;
    };
    assert!(inserted.is_err());
    // The other order: the deletion waits, and catches the comment.
    let (database, db2) = guarded(Guard::catch()).await;
    let (_, deleted) = race! { database;
        writer holds |txn| txn.execute_unprepared("insert into comments (id, post_id, author_id, content) values (9, 1, 1, 'new')");
        deleter waits for writer |db| db.execute_unprepared(DELETE);
        writer commits;
    };
    deleted.unwrap();
    assert_eq!(find(&db2, "comments", "id = 9").await, At::Archived);
    assert_eq!(count(&db2, "archive.archival").await, 1);
    assert_eq!(find(&db, "comments", "id = 9").await, At::Nowhere);
}

#[tokio::test]
async fn update_that_a_caught_deletion_waited_for_is_in_the_archive() {
    let (database, db) = guarded(Guard::catch()).await;
    let (_, deleted) = race! { database;
        writer holds |txn| txn.execute_unprepared("update comments set content = 'new' where id = 1");
        deleter waits for writer |db| db.execute_unprepared(DELETE);
        writer commits;
    };
    deleted.unwrap();
    assert_eq!(
        texts(&db, "select content from deleted_comments").await,
        ["new"]
    );
}

#[tokio::test]
async fn archive_after_a_caught_deletion_finds_no_row() {
    let (database, db) = guarded(Guard::catch()).await;
    let (_, archived) = race! { database;
        deleter holds |txn| txn.execute_unprepared(DELETE);
        archiver waits for deleter |db| post::Entity::archive_by_id(1).exec(db);
        deleter commits;
    };
    assert!(
        matches!(
            archived,
            Err(Error::NotFound(NotFoundError::Row { .. }) | Error::Conflict(_))
        ),
        "{archived:?}"
    );
    assert_eq!(count(&db, "archive.archival").await, 1);
    assert_eq!(find(&db, "posts", "id = 1").await, At::Archived);
}

#[tokio::test]
async fn deletion_after_an_archive_finds_no_row() {
    let (database, db) = guarded(Guard::catch()).await;
    let (_, deleted) = race! { database;
        archiver holds |txn| post::Entity::archive_by_id(1).exec(txn);
        deleter waits for archiver |db| db.execute_unprepared(DELETE);
        archiver commits;
    };
    assert_eq!(deleted.unwrap().rows_affected(), 0);
    assert_eq!(count(&db, "archive.archival").await, 1);
    assert_finished(&db).await;
}

#[tokio::test]
async fn child_is_not_restored_below_a_post_that_is_caught() {
    let (database, db) = guarded(Guard::catch()).await;
    comment::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, restored) = race! { database;
        deleter holds |txn| txn.execute_unprepared(DELETE);
        restorer waits for deleter |db| comment::Entity::restore_by_id(1).exec(db);
        deleter commits;
    };
    assert!(restored.is_err());
    assert_eq!(
        (
            find(&db, "comments", "id = 1").await,
            find(&db, "posts", "id = 1").await
        ),
        (At::Archived, At::Archived)
    );
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        (
            find(&db, "comments", "id = 1").await,
            find(&db, "likes", "id = 1").await
        ),
        (At::Active, At::Active)
    );
}

/// Writes until every post is gone. Returns the content of each comment that was committed.
async fn write(db: DatabaseConnection, writer: i64) -> Vec<String> {
    let mut written = Vec::new();
    for n in 0..60 {
        let (id, post) = (writer * 1000 + n, 100 + n % 20);
        let insert = format!(
            "insert into comments (id, post_id, author_id, content) values ({id}, {post}, 1, 'old')"
        );
        if db.execute_unprepared(&insert).await.is_err() {
            continue;
        }
        let like = format!("insert into likes (id, comment_id, user_id) values ({id}, {id}, 1)");
        let _ = db.execute_unprepared(&like).await;
        let updated = db
            .execute_unprepared(&format!(
                "update comments set content = 'new' where id = {id}"
            ))
            .await;
        let is_new = updated.is_ok_and(|done| done.rows_affected() == 1);
        written.push(format!("{id} {}", if is_new { "new" } else { "old" }));
    }
    written
}

#[tokio::test]
async fn nothing_is_lost_or_stale_beside_plain_deletions() {
    let (database, db) = guarded(Guard::catch()).await;
    run(&db, "insert into posts (id, title, slug, content, author_id) select g, 't', 's' || g, '', 1 from generate_series(100, 119) g").await;
    let mut writers = JoinSet::new();
    for writer in 1..=4 {
        writers.spawn(write(database.connect().await, writer));
    }
    for post in 100..120 {
        let delete = format!("delete from posts where id = {post}");
        while db.execute_unprepared(&delete).await.is_err() {}
        tokio::task::yield_now().await;
    }
    let mut written = writers.join_all().await.concat();
    written.sort();
    let found = "select concat_ws(' ', id, content) from (select id, content from comments union all select id, content from deleted_comments) as c
                 where id >= 1000 order by concat_ws(' ', id, content) collate \"C\"";
    assert_eq!(texts(&db, found).await, written);
    assert_eq!(count(&db, "deleted_likes as l where not exists (select from deleted_comments as c where c.id = l.comment_id)").await, 0);
    assert_eq!(count(&db, "deleted_comments as c join deleted_posts as p on p.id = c.post_id where p.archival_id <> c.archival_id").await, 0);
    assert_finished(&db).await;
}

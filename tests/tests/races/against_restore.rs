//! Races of a restore with other sessions.

use blog::{comment, post, tag};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use sea_orm_archive::error::{ConflictError, NotFoundError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::race;
use sea_orm_migration::SchemaManager;

use crate::races::blog::{At, OnDelete, blog as database, count, find};

const TAKE_SLUG: &str =
    "insert into posts (id, title, slug, content, author_id) values (50, 'Thief', 'one', '', 1)";
const TAKE_KEY: &str =
    "insert into posts (id, title, slug, content, author_id) values (1, 'Thief', 'thief', '', 1)";

/// Race: the slug or the id is inserted while the post is restored. If the writer commits, the restore reports the
/// conflict and moves nothing.
#[tokio::test]
async fn restore_reports_a_unique_value_taken_meanwhile() {
    for (sql, commit) in [
        (TAKE_SLUG, true),
        (TAKE_SLUG, false),
        (TAKE_KEY, true),
        (TAKE_KEY, false),
    ] {
        let blog = database(OnDelete::Cascade).await;
        let (writer, restorer) = (blog.session("writer").await, blog.session("restorer").await);
        let db = restorer.db();
        post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let writing = writer.db().begin().await.unwrap();
        writing.execute_unprepared(sql).await.unwrap();
        let restoring =
            restorer.start(async move { post::Entity::restore_by_id(1).exec(&db).await });
        blog.wait_until_blocked_by(&restorer, &writer).await;
        let db = restorer.db();
        if commit {
            writing.commit().await.unwrap();
            match restoring.finish().await.unwrap_err() {
                Error::Conflict(ConflictError::Restore { conflicts, .. }) => {
                    assert_eq!(conflicts.len(), 1, "{conflicts:?}")
                }
                error => panic!("{error}"),
            }
            assert_eq!(count(&db, "deleted_posts", "id = 1").await, 1);
            assert_eq!(find(&db, "comments", "id = 1").await, At::Archived);
        } else {
            writing.rollback().await.unwrap();
            restoring.finish().await.unwrap();
            assert_eq!(find(&db, "posts", "id = 1").await, At::Active);
            assert_eq!(find(&db, "likes", "id = 1").await, At::Active);
        }
    }
}

/// A naive restore with ON CONFLICT DO NOTHING loses the row.
#[tokio::test]
async fn naive_restore_loses_the_row() {
    let blog = database(OnDelete::Cascade).await;
    let db = blog.connect().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    db.execute_unprepared(TAKE_SLUG).await.unwrap();
    db.execute_unprepared(
        "with d as (delete from deleted_posts where id = 1 returning id, title, slug, content, author_id, created_at)
         insert into posts overriding system value select * from d on conflict do nothing",
    )
    .await
    .unwrap();
    assert_eq!(find(&db, "posts", "id = 1").await, At::Nowhere);
}

/// Race: two restores of one archival. The second reports that the row is not archived, or that there is no archival.
#[tokio::test]
async fn second_restore_of_an_archival_is_refused() {
    for (commit, by_archival) in [(true, true), (true, false), (false, true), (false, false)] {
        let blog = database(OnDelete::Cascade).await;
        let db = blog.connect().await;
        let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let restore = async move |db: &DatabaseConnection| match by_archival {
            true => archival.restore(db).await,
            false => post::Entity::restore_by_id(1).exec(db).await,
        };
        let (_, restored) = race! { blog;
            first holds |txn| post::Entity::restore_by_id(1).exec(txn);
            second waits for first |db| restore(db);
            first commits if commit;
        };
        match restored {
            Err(Error::NotFound(NotFoundError::Archival { .. })) => assert!(commit && by_archival),
            Err(Error::Conflict(ConflictError::NotArchived { .. })) => {
                assert!(commit && !by_archival)
            }
            restored => assert!(!commit, "{restored:?}"),
        }
        for table in ["posts", "comments", "likes"] {
            assert_eq!(find(&db, table, "id = 1").await, At::Active, "{table}");
        }
    }
}

/// Race: a comment is restored while its post is archived. The error contains the archival of the post.
#[tokio::test]
async fn restore_reports_a_parent_archived_meanwhile() {
    let blog = database(OnDelete::Cascade).await;
    let db = blog.connect().await;
    comment::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (parent, restored) = race! { blog;
        archiver holds |txn| post::Entity::archive_by_id(1).exec(txn);
        restorer waits for archiver |db| comment::Entity::restore_by_id(1).exec(db);
        archiver commits;
    };
    match restored.unwrap_err() {
        Error::Conflict(ConflictError::ParentArchived { archival, .. }) => {
            assert_eq!(archival, parent.id)
        }
        error => panic!("{error}"),
    }
    assert_eq!(find(&db, "comments", "id = 1").await, At::Archived);
    parent.restore(&db).await.unwrap();
    comment::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(find(&db, "likes", "id = 1").await, At::Active);
}

/// Race: a post is archived while its comment is restored. The archive waits, and archives the comment too.
#[tokio::test]
async fn child_restored_before_an_archive_is_archived_too() {
    let blog = database(OnDelete::Cascade).await;
    let (archiver, restorer) = (
        blog.session("archiver").await,
        blog.session("restorer").await,
    );
    let restoring = restorer.db().begin().await.unwrap();
    comment::Entity::archive_by_id(1)
        .exec(&restoring)
        .await
        .unwrap();
    restoring.commit().await.unwrap();
    let restoring = restorer.db().begin().await.unwrap();
    comment::Entity::restore_by_id(1)
        .exec(&restoring)
        .await
        .unwrap();
    let db = archiver.db();
    let archiving = archiver.start(async move { post::Entity::archive_by_id(1).exec(&db).await });
    blog.wait_until_blocked_by(&archiver, &restorer).await;
    restoring.commit().await.unwrap();
    assert_eq!(
        archiving.finish().await.unwrap().rows()["public.comments"],
        1
    );
    assert_eq!(find(&archiver.db(), "likes", "id = 1").await, At::Archived);
}

/// Race: a post and a tag are restored at once. The row between them is restored by the second restore, or waits for the
/// tag if the first restore rolls back: it is never reassigned to an archival that is restored already.
#[tokio::test]
async fn waiting_row_is_not_reassigned_to_a_restored_archival() {
    for commit in [true, false] {
        let blog = database(OnDelete::Cascade).await;
        let (first, second) = (blog.session("first").await, blog.session("second").await);
        let db = second.db();
        post::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
        let restoring = first.db().begin().await.unwrap();
        tag.restore(&restoring).await.unwrap();
        let waiting = second.start(async move { post::Entity::restore_by_id(1).exec(&db).await });
        blog.wait_until_blocked_by(&second, &first).await;
        let db = second.db();
        if commit {
            restoring.commit().await.unwrap();
            assert!(waiting.finish().await.unwrap().waiting.is_empty());
        } else {
            restoring.rollback().await.unwrap();
            let restored = waiting.finish().await.unwrap();
            assert_eq!(
                (restored.waiting[0].archival, restored.waiting[0].rows),
                (tag.id, 1)
            );
            assert_eq!(find(&db, "post_tags", "post_id = 1").await, At::Archived);
            tag.restore(&db).await.unwrap();
        }
        for post in [1, 2] {
            assert_eq!(
                find(&db, "post_tags", &format!("post_id = {post}")).await,
                At::Active
            );
        }
    }
}

/// An entity over the tags that does not cascade to `post_tags`.
mod plain_tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "tags")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Race: a restore of a post waits for the lock of the archival of one tag, and another tag is archived meanwhile. A row
/// between that tag and the post must be deferred only to a locked archival that records the table `post_tags`: another
/// archival would not restore the row.
#[tokio::test]
async fn row_is_deferred_only_to_an_archival_that_records_its_table() {
    let blog = database(OnDelete::NoAction).await;
    let (holder, restorer) = (blog.session("holder").await, blog.session("restorer").await);
    let db = blog.connect().await;
    db.execute_unprepared(
        "delete from post_tags; insert into tags (id, name) values (2, 'sql'); insert into post_tags values (1, 1), (1, 2)",
    )
    .await
    .unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let first = plain_tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let holding = holder.db().begin().await.unwrap();
    let hold = format!(
        "select archive.claim_archivals(array[{}::bigint])",
        first.id
    );
    holding.execute_unprepared(&hold).await.unwrap();
    let restoring = restorer.db();
    let restoring =
        restorer.start(async move { post::Entity::restore_by_id(1).exec(&restoring).await });
    blog.wait_until_blocked_by(&restorer, &holder).await;
    let second = plain_tag::Entity::archive_by_id(2).exec(&db).await.unwrap();
    holding.rollback().await.unwrap();
    restoring.finish().await.unwrap();
    for (archival, tag) in [(second, 2), (first, 1)] {
        archival.restore(&db).await.unwrap();
        assert_eq!(
            find(&db, "post_tags", &format!("tag_id = {tag}")).await,
            At::Active
        );
    }
}

/// Race: an archived row is deferred while another transaction changes the key of a third parent, which the row follows.
/// It is deferred with the new key, and the change is not reported as that of a trigger.
#[tokio::test]
async fn row_deferred_while_its_key_changes_has_the_new_key() {
    let blog = database(OnDelete::Cascade).await;
    let (writer, restorer) = (blog.session("writer").await, blog.session("restorer").await);
    let db = blog.connect().await;
    db.execute_unprepared(
        "create table reviews (id bigint primary key, post_id bigint not null references posts, tag_id bigint not null references tags,
             user_id bigint not null references users on update cascade)",
    )
    .await
    .unwrap();
    let manager = SchemaManager::new(&db);
    manager.archive_existing_table("reviews").await.unwrap();
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let tag = tag::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // The row as an entity that cascades from posts to reviews would have archived it.
    let row = format!(
        "insert into deleted_reviews values (1, 1, 1, 2, now(), null, {0});
         update archive.archival set tables = tables || 'reviews'::regclass where id = {0}",
        archival.id
    );
    db.execute_unprepared(&row).await.unwrap();
    let writing = writer.db().begin().await.unwrap();
    let key = "update users set id = 5 where id = 2";
    writing.execute_unprepared(key).await.unwrap();
    let restoring = restorer.db();
    let restoring = restorer.start(async move { archival.restore(&restoring).await });
    blog.wait_until_blocked_by(&restorer, &writer).await;
    writing.commit().await.unwrap();
    restoring.finish().await.unwrap();
    tag.restore(&db).await.unwrap();
    assert_eq!(count(&db, "reviews", "id = 1 and user_id = 5").await, 1);
}

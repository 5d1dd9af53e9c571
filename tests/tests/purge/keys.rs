//! Rows that were archived and inserted again: their key is archived, so they cannot be archived once more.

use blog::{post, post_tag};
use sea_orm_archive::archival;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::sql::{dumps, number, run};
use sea_orm_migration::SchemaManager;

use crate::races::blog::{OnDelete, blog};

const MOVED: [&str; 4] = ["posts", "post_tags", "deleted_posts", "deleted_post_tags"];

#[tokio::test]
async fn archived_key_is_reported_by_preview_and_archive_and_purged_in_one_call() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    let tagged = post_tag::Entity::archive_by_id((1, 1))
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into post_tags (post_id, tag_id) values (1, 1)").await;
    let before = dumps(&db, &MOVED).await;
    let preview = post::Entity::archive_by_id(1).preview(&db).await.unwrap();
    let [keys] = preview.archived_keys.as_slice() else {
        panic!("{preview:?}");
    };
    assert_eq!(
        (keys.table.as_str(), keys.rows, keys.archivals.as_slice()),
        ("public.post_tags", 1, &[tagged.id][..])
    );
    let error = post::Entity::archive_by_id(1).exec(&db).await.unwrap_err();
    let expected = format!("An archived row has that key, in archival {};", tagged.id);
    assert!(error.to_string().contains(&expected), "{error}");
    let Error::Conflict(ConflictError::DuplicateKey { archivals, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(dumps(&db, &MOVED).await, before);
    for archival in archivals {
        archival::Entity::purge_by_id(archival)
            .exec(&db)
            .await
            .unwrap();
    }
    let preview = post::Entity::archive_by_id(1).preview(&db).await.unwrap();
    assert_eq!(preview.archived_keys, []);
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.rows["public.post_tags"], 1);
}

#[tokio::test]
async fn preview_of_many_counts_the_archived_keys_of_all_roots() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    for post in [1, 2] {
        post_tag::Entity::archive_by_id((post, 1))
            .exec(&db)
            .await
            .unwrap();
    }
    run(
        &db,
        "insert into post_tags (post_id, tag_id) values (1, 1), (2, 1)",
    )
    .await;
    let preview = post::Entity::archive_many().preview(&db).await.unwrap();
    assert_eq!(
        preview
            .archived_keys
            .iter()
            .map(|keys| (keys.rows, keys.archivals.len()))
            .collect::<Vec<_>>(),
        [(2, 2)]
    );
    let error = post::Entity::archive_many().exec(&db).await.unwrap_err();
    let Error::Conflict(ConflictError::DuplicateKey { archivals, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(archivals.len(), 2);
}

/// A role that archives may have no right to read the archive tables: it gets the error without the archivals.
#[tokio::test]
async fn archived_key_is_reported_to_a_role_that_cannot_read_the_archive_tables() {
    let database = blog(OnDelete::Cascade).await;
    let db = database.connect().await;
    post_tag::Entity::archive_by_id((1, 1))
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into post_tags (post_id, tag_id) values (1, 1)").await;
    let role = database.role("archiver").await;
    let grants = format!(
        "grant select, update, delete on posts, comments, likes, post_tags to \"{role}\";
         grant insert, select (archival_id) on deleted_posts, deleted_comments, deleted_likes, deleted_post_tags to \"{role}\""
    );
    run(&db, &grants).await;
    let manager = SchemaManager::new(&db);
    manager.grant_archive(&role).await.unwrap();
    let session = database.connect_as("archiver").await;
    let error = post::Entity::archive_by_id(1)
        .exec(&session)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::DuplicateKey { archivals, .. }) if archivals.is_empty()),
        "{error}"
    );
    assert_eq!(
        number(&db, "select count(*) from posts where id = 1").await,
        1
    );
}

//! Archived parents come back first.

use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run};

use super::forum::{EVERYTHING, comment, forum, post, user};

#[tokio::test]
async fn missing_parents_come_back_first() {
    let (_database, db) = forum().await;
    comment::Entity::archive_by_id(5).exec(&db).await.unwrap();
    let of_post = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let of_user = user::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let error = comment::Entity::restore_by_id(5)
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(error.http_status(), 409);
    let restore = comment::Entity::restore_by_id(5).with_parents().by(7);
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts, []);
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restored = restore.exec(&db).await.unwrap();
    // The user comes before the post, and both before the comment; post 1 stays archived.
    let parents: Vec<_> = restored
        .parents
        .iter()
        .map(|parent| parent.archival.id)
        .collect();
    let previewed: Vec<_> = preview
        .parents
        .iter()
        .map(|parent| parent.archival)
        .collect();
    assert_eq!(parents, previewed);
    assert!(
        parents.contains(&of_post.id) || parents.contains(&of_user.id),
        "{parents:?}"
    );
    assert_eq!(number(&db, "select count(*) from users").await, 3);
    assert_eq!(
        number(
            &db,
            "select count(*) from comments where id = 5 and post_id = 2"
        )
        .await,
        1
    );
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 1);
    assert_eq!(
        number(
            &db,
            "select count(*) from archive.archival where restored_by = '7'"
        )
        .await,
        3
    );
}

#[tokio::test]
async fn a_conflict_of_a_parent_restores_nothing() {
    let (_database, db) = forum().await;
    comment::Entity::archive_by_id(5).exec(&db).await.unwrap();
    let parent = post::Entity::archive_by_id(2).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'second')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let preview = comment::Entity::restore_by_id(5)
        .with_parents()
        .preview(&db)
        .await
        .unwrap();
    assert_eq!(preview.parents.len(), 1);
    assert_eq!(preview.parents[0].conflicts.len(), 1);
    let error = comment::Entity::restore_by_id(5)
        .with_parents()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Restore { archival, .. }) if *archival == parent.id),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

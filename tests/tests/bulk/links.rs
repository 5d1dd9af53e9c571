//! Detached links of many archivals.

use sea_orm_archive::LostLinkReason;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::entities::{ALL, event, photo, posts};

#[tokio::test]
async fn links_of_all_archivals_are_put_back() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    event::Entity::archive_many().exec(&db).await.unwrap();
    photo::Entity::archive_by_id(4).exec(&db).await.unwrap();
    let restored = event::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!((restored.archivals.len(), restored.relinked), (4, 12));
    assert_eq!(
        number(&db, "select count(*) from archive.detached_link").await,
        0
    );
    photo::Entity::restore_by_id(4).exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await, before);
}

/// A photo lost event 1, got event 2, and lost that too: it had event 2 last.
#[tokio::test]
async fn row_gets_the_link_that_was_cut_last() {
    let (_database, db) = posts().await;
    run(&db, "update photos set event_id = 1 where id = 1").await;
    event::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "update photos set event_id = 2 where id = 1").await;
    let last = dumps(&db, &["photos"]).await;
    event::Entity::archive_by_id(2).exec(&db).await.unwrap();
    let preview = event::Entity::restore_many().preview(&db).await.unwrap();
    let restored = event::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(preview.not_relinked, restored.not_relinked);
    assert!(
        matches!(restored.not_relinked.as_slice(), [lost] if lost.reason == LostLinkReason::OtherLink
            && lost.key["id"] == 1 && lost.link["event_id"] == 1),
        "{:?}",
        restored.not_relinked
    );
    assert_eq!(
        texts(&db, "select event_id::text from photos where id = 1").await,
        ["2"]
    );
    assert_eq!(
        number(&db, "select count(*) from archive.detached_link").await,
        0
    );
    let now = dumps(&db, &["photos"]).await;
    assert_eq!(now[0].len(), last[0].len());
}

/// Photos that are restored in the same statement get their links too.
#[tokio::test]
async fn archived_rows_of_the_same_call_get_their_links() {
    let (_database, db) = posts().await;
    let before = dumps(&db, &ALL).await;
    event::Entity::archive_many().exec(&db).await.unwrap();
    photo::Entity::archive_many().exec(&db).await.unwrap();
    let restored = sea_orm_archive::archival::Entity::restore_many()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((restored.archivals.len(), restored.relinked), (16, 12));
    assert_eq!(dumps(&db, &ALL).await, before);
}

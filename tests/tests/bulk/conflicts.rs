//! Conflicts of some of many archivals.

use sea_orm::ColumnTrait;
use sea_orm_archive::ArchivalConflicts;
use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::entities::{ALL, ARCHIVE, comment, post, posts};

fn of_many(error: &Error) -> &[ArchivalConflicts] {
    match error {
        Error::Conflict(ConflictError::RestoreMany { archivals }) => archivals,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn conflicts_of_each_archival_are_reported_and_nothing_is_restored() {
    let (_database, db) = posts().await;
    let archived = post::Entity::archive_many()
        .filter(post::Column::Id.lte(3))
        .exec(&db)
        .await
        .unwrap();
    run(&db, "insert into posts values (101, 'post 1'), (2, 'two')").await;
    let before = dumps(&db, &ARCHIVE).await;
    let preview = post::Entity::restore_many().preview(&db).await.unwrap();
    let error = post::Entity::restore_many().exec(&db).await.unwrap_err();
    assert_eq!(preview.conflicts, of_many(&error));
    let [first, second] = of_many(&error) else {
        panic!("{error}")
    };
    assert_eq!(first.archival, Some(archived[0].id));
    assert!(
        matches!(first.conflicts.as_slice(), [Conflict::Unique { holder, archival: None, .. }] if holder["id"] == 101),
        "{first}"
    );
    assert_eq!(second.archival, Some(archived[1].id));
    assert!(
        matches!(second.conflicts.as_slice(), [Conflict::KeyTaken { .. }]),
        "{second}"
    );
    let text = error.to_string();
    assert!(
        text.contains("2 of the archivals cannot be restored, so none was"),
        "{text}"
    );
    assert!(
        text.contains(&format!("archival {}: public.posts", archived[0].id)),
        "{text}"
    );
    assert!(text.contains(".skip_conflicts()"), "{text}");
    assert_eq!(error.http_status(), 409);
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
}

#[tokio::test]
async fn archivals_with_conflicts_are_skipped_on_request() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into posts values (101, 'post 1'), (2, 'two')").await;
    let preview = post::Entity::restore_many()
        .skip_conflicts()
        .preview(&db)
        .await
        .unwrap();
    assert_eq!((preview.archivals.len(), preview.conflicts.len()), (8, 2));
    assert_eq!(number(&db, "select count(*) from posts").await, 2);
    let restored = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.skipped, preview.conflicts);
    assert_eq!(restored.archivals.len(), 8);
    let left = texts(&db, "select id::text from deleted_posts order by id").await;
    assert_eq!(left, ["1", "2"]);
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        6
    );
    // What was skipped can be restored once its conflict is gone.
    run(&db, "delete from posts where id in (2, 101)").await;
    assert_eq!(
        post::Entity::restore_many()
            .exec(&db)
            .await
            .unwrap()
            .archivals
            .len(),
        2
    );
    assert_eq!(number(&db, "select count(*) from comments").await, 30);
}

/// Two archived rows with one unique value cannot both come back.
#[tokio::test]
async fn archivals_that_conflict_with_each_other_are_reported() {
    let (_database, db) = posts().await;
    for (id, slug) in [(21, "news"), (22, "news"), (23, "news")] {
        run(&db, &format!("insert into posts values ({id}, '{slug}')")).await;
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    let before = dumps(&db, &ARCHIVE).await;
    let error = post::Entity::restore_many().exec(&db).await.unwrap_err();
    let [first, second] = of_many(&error) else {
        panic!("{error}")
    };
    assert_eq!((first.archival, second.archival), (Some(1), Some(2)));
    assert!(
        matches!(second.conflicts.as_slice(), [Conflict::Unique { holder, archival: Some(3), values, .. }]
            if holder["id"] == 23 && values["slug"] == "news"),
        "{second}"
    );
    assert!(
        error
            .to_string()
            .contains("the archived row {\"id\":23} of archival 3 has {\"slug\":\"news\"} too"),
        "{error}"
    );
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
    let restored = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.archivals.len(), 1);
    assert_eq!(
        texts(&db, "select id::text from posts where slug = 'news'").await,
        ["23"]
    );
}

/// Skipping one archival leaves another one without its parent: that is skipped too.
#[tokio::test]
async fn archival_whose_parent_is_skipped_is_skipped_too() {
    let (_database, db) = posts().await;
    comment::Entity::archive_by_id(11).exec(&db).await.unwrap();
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(&db, "insert into posts values (101, 'post 1')").await;
    let restored = sea_orm_archive::archival::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((restored.archivals.len(), restored.skipped.len()), (9, 2));
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        3
    );
}

/// A constraint that is newer than the rows: the database reports no archival, so nothing is skipped.
#[tokio::test]
async fn violated_check_prevents_the_whole_restore() {
    let (_database, db) = posts().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "alter table posts add constraint short check (slug <> 'post 4')",
    )
    .await;
    let before = dumps(&db, &ARCHIVE).await;
    let error = post::Entity::restore_many()
        .skip_conflicts()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(of_many(&error), [found] if found.archival.is_none()
            && matches!(found.conflicts.as_slice(), [Conflict::Violated { constraint, .. }] if constraint == "short")),
        "{error}"
    );
    assert_eq!(dumps(&db, &ARCHIVE).await, before);
    run(&db, "alter table posts drop constraint short").await;
    post::Entity::restore_many().exec(&db).await.unwrap();
    assert_eq!(dumps(&db, &ALL).await[0].len(), 10);
}

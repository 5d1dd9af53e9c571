//! Changes in a restore of many archivals.

use sea_orm::ColumnTrait;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::forum::{EVERYTHING, comment, forum, post};

#[tokio::test]
async fn many_archivals_come_back_with_names_that_are_free() {
    let (_database, db) = forum().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    // One taken by an active row, and two archived rows with one value.
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'); update deleted_posts set slug = 'same' where id > 1",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_many().rename(post::Column::Slug, "-{n}");
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!((preview.conflicts.len(), preview.changes.len()), (0, 2));
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restored = restore.exec(&db).await.unwrap();
    assert_eq!(restored.changes, preview.changes);
    assert_eq!(restored.archivals.len(), 3);
    let slugs = texts(&db, "select slug from posts order by slug").await;
    assert_eq!(slugs, ["first", "first-2", "same", "same-2"]);
}

#[tokio::test]
async fn rows_and_archivals_with_conflicts_stay() {
    let (_database, db) = forum().await;
    post::Entity::archive_many().exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (id, author_id, slug) values (50, 2, 'third'), (51, 2, 'x'); insert into comments (post_id, mark) values (51, 'd'), (51, 'e')",
    )
    .await;
    let restored = post::Entity::restore_many()
        .filter(post::deleted::Column::Id.lte(3))
        .skip_conflicts()
        .skip_conflicting()
        .set_every(comment::Column::AuthorId, 1)
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.archivals.len(), 2);
    assert_eq!((restored.skipped.len(), restored.stayed.len()), (1, 2));
    assert!(restored.missing.is_empty(), "{:?}", restored.missing);
    assert_eq!(
        number(
            &db,
            "select count(*) from comments where post_id = 1 and author_id = 1"
        )
        .await,
        3
    );
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        2
    );
    // In batches as well.
    run(&db, "delete from posts where id in (50, 51)").await;
    let mut batches = post::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .in_batches(1);
    while batches.next(&db).await.unwrap().is_some() {}
    assert_eq!(number(&db, "select count(*) from deleted_posts").await, 0);
}

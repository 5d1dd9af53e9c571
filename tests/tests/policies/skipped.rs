//! Rows with conflicts stay archived.

use sea_orm_archive::error::ConflictError;
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::forum::{EVERYTHING, forum, post};

#[tokio::test]
async fn rows_with_conflicts_stay_with_the_rows_below_them() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // Comment 2 has a reply and a file; the key of comment 4 is taken.
    run(
        &db,
        "insert into comments (id, post_id, mark) values (90, 2, 'B'), (4, 2, 'four')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_by_id(1).skip_conflicting();
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!((preview.conflicts.len(), preview.stayed.len()), (0, 2));
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restored = restore.exec(&db).await.unwrap();
    assert_eq!(restored.archival.id, archival.id);
    assert_eq!(restored.rows["public.comments"], 1);
    assert!(restored.missing.is_empty(), "{:?}", restored.missing);
    let [first, second] = restored.stayed.as_slice() else {
        panic!("{:?}", restored.stayed)
    };
    let (two, four) = match first.key["id"] == 2 {
        true => (first, second),
        false => (second, first),
    };
    assert_eq!(
        (two.rows["public.comments"], two.rows["public.files"]),
        (2, 1)
    );
    assert!(matches!(
        two.conflicts.as_slice(),
        [Conflict::Unique { .. }]
    ));
    assert_eq!(
        (four.rows["public.comments"], four.rows["public.files"]),
        (1, 1)
    );
    assert!(matches!(
        four.conflicts.as_slice(),
        [Conflict::KeyTaken { .. }]
    ));
    assert_eq!(
        texts(&db, "select id::text from comments where post_id = 1").await,
        ["1"]
    );
    assert_eq!(number(&db, "select count(*) from files").await, 0);
    // Once the conflict is gone, the rows come back from their own archival.
    run(&db, "delete from comments where id = 90").await;
    let later = sea_orm_archive::archival::Entity::restore_by_id(two.archival.unwrap());
    let later = later.exec(&db).await.unwrap();
    assert_eq!(later.archival.part_of, Some(archival.id));
    assert_eq!(later.rows["public.comments"], 2);
    assert_eq!(
        texts(
            &db,
            "select id::text from comments where post_id = 1 order by id"
        )
        .await,
        ["1", "2", "3"]
    );
}

#[tokio::test]
async fn a_conflict_of_the_root_still_prevents_the_restore() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'); insert into comments (post_id, mark) values (2, 'a')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1)
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Restore { conflicts, .. })
            if matches!(conflicts.as_slice(), [Conflict::Unique { constraint, .. }] if constraint == "posts_slug")),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    // With another slug the others come back.
    let restored = post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!((restored.stayed.len(), restored.changes.len()), (1, 1));
}

#[tokio::test]
async fn many_conflicts_are_left_in_a_few_statements() {
    let (_database, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, mark) select 1, 'x' || n from generate_series(1, 250) n",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into comments (post_id, mark) select 2, 'x' || n from generate_series(1, 250) n",
    )
    .await;
    let restored = post::Entity::restore_by_id(1)
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (restored.stayed.len(), restored.rows["public.comments"]),
        (250, 4)
    );
    assert_eq!(
        number(
            &db,
            "select count(distinct archival_id) from deleted_comments"
        )
        .await,
        250
    );
}

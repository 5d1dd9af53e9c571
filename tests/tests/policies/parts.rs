//! Restores of one row that was archived with a parent.

use sea_orm_archive::archival;
use sea_orm_archive::error::{ConflictError, NotFoundError, RefusedError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::forum::{EVERYTHING, comment, forum, post};

#[tokio::test]
async fn one_comment_comes_back_with_its_replies_below_another_post() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let restore = comment::Entity::restore_by_id(2).as_part();
    // Its post is archived, and so is the comment that it replies to.
    let error = restore.clone().exec(&db).await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict(ConflictError::Restore { conflicts, .. }) if conflicts.len() == 2),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restore = restore
        .set_every(comment::Column::PostId, 2)
        .set(comment::Column::ReplyTo, None::<i64>);
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(preview.conflicts, []);
    assert_eq!(preview.rows["public.comments"], 2);
    let restored = restore.exec(&db).await.unwrap();
    assert_eq!(restored.archival.part_of, Some(archival.id));
    assert_eq!(restored.archival.root_table, "public.comments");
    assert_eq!(restored.archival.root_key["id"], 2);
    assert_eq!(restored.archival.rows()["public.comments"], 2);
    assert_eq!(restored.archival.rows().len(), 2);
    assert_eq!(
        (
            restored.rows["public.comments"],
            restored.rows["public.files"]
        ),
        (2, 1)
    );
    assert!(restored.missing.is_empty());
    let back = texts(&db, "select id || ':' || post_id || ':' || coalesce(reply_to, 0) from comments where id in (2, 3) order by id").await;
    assert_eq!(back, ["2:2:0", "3:2:2"]);
    // The others come back with their post.
    let restored = archival.restore(&db).await.unwrap();
    assert_eq!(restored.rows["public.comments"], 2);
    assert_eq!(restored.relinked, 1);
    assert_eq!(
        number(&db, "select count(*) from deleted_comments").await,
        0
    );
}

#[tokio::test]
async fn part_is_named_by_table_and_key_without_entities() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let part = |key: i64| {
        let restore = archival::Entity::restore_by_id(archival.id)
            .as_part("comments", serde_json::json!({"id": key}));
        restore.set_column("comments", "post_id", Some("2"))
    };
    let before = dumps(&db, &EVERYTHING).await;
    for refused in [
        part(4).as_new().exec(&db).await.map(drop),
        part(4).as_new().preview(&db).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, Error::Refused(RefusedError::RestorePolicy { .. })),
            "{error}"
        );
    }
    let error = part(77).exec(&db).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFound(NotFoundError::Archival { archival: id }) if id == archival.id
        ),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restored = part(4).exec(&db).await.unwrap();
    assert_eq!(restored.archival.part_of, Some(archival.id));
    assert_eq!(restored.rows["public.comments"], 1);
    let rest = archival.restore(&db).await.unwrap();
    assert_eq!(rest.rows["public.comments"], 3);
}

#[tokio::test]
async fn a_root_is_restored_as_usual() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let restored = post::Entity::restore_by_id(1)
        .as_part()
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (restored.archival.id, restored.archival.part_of),
        (archival.id, None)
    );
    assert_eq!(restored.rows["public.comments"], 4);
    let error = post::Entity::restore_by_id(1)
        .as_part()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Conflict(ConflictError::NotArchived { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_part_takes_the_links_that_its_rows_lost() {
    let (_database, db) = forum().await;
    // The users of the forum: their posts are restricted, so the tree is that of the post. A link of the post stays with it.
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 2)
        .exec(&db)
        .await
        .unwrap();
    let restored = post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    assert_eq!(
        (restored.relinked, restored.missing.get("public.comments")),
        (1, Some(&1))
    );
    run(&db, "delete from comments where id = 4").await;
}

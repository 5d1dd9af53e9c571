//! Restores as new rows.

use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};

use super::forum::{EVERYTHING, forum, post};

const TREE: &str = "select p.slug || ' ' || count(distinct c.id) || ' ' || count(distinct f.comment_id) || ' ' || count(distinct t.name)
    from posts p left join comments c on c.post_id = p.id left join files f on f.comment_id = c.id left join tags t on t.post_id = p.id
    group by p.id, p.slug order by p.id";

#[tokio::test]
async fn copies_get_new_keys_and_their_links_follow() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(
        &db,
        &[
            "deleted_posts",
            "deleted_comments",
            "deleted_files",
            "deleted_tags",
        ],
    )
    .await;
    let restore = post::Entity::restore_by_id(1).as_new();
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(
        (preview.conflicts.len(), preview.rows["public.comments"]),
        (0, 4)
    );
    let restored = restore.exec(&db).await.unwrap();
    let id = restored.archival.root_key["id"].as_i64().unwrap();
    assert!(id > 3, "{id}");
    assert_eq!(restored.archival.part_of, Some(archival.id));
    assert_eq!(restored.archival.rows()["public.comments"], 4);
    assert_eq!(
        texts(&db, TREE).await,
        ["second 1 0 1", "third 0 0 0", "first 4 2 2"]
    );
    // The replies refer to the new comments, and each comment is new.
    assert_eq!(
        number(&db, "select count(*) from comments r join comments c on c.id = r.reply_to and c.post_id = r.post_id where r.id > 5").await,
        2
    );
    assert_eq!(
        number(&db, "select count(*) from comments where id <= 5").await,
        1
    );
    let after = dumps(
        &db,
        &[
            "deleted_posts",
            "deleted_comments",
            "deleted_files",
            "deleted_tags",
        ],
    )
    .await;
    assert_eq!(after, before, "the archived rows stay");
    // The archived rows can be restored too, under another slug, and get the link again.
    let restored = post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .rename(super::forum::comment::Column::Mark, "'")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.relinked, 1);
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-2"]
    );
    assert_eq!(
        texts(
            &db,
            "select mark from comments where post_id = 1 order by id"
        )
        .await,
        ["a'", "b'", "c'", "d'"]
    );
}

#[tokio::test]
async fn a_copy_with_a_conflict_is_refused_and_nothing_stays() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1)
        .as_new()
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(error.http_status(), 409);
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let restored = post::Entity::restore_by_id(1)
        .as_new()
        .rename(post::Column::Slug, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(restored.changes.len(), 1);
    assert_eq!(texts(&db, TREE).await.last().unwrap(), "first-2 4 2 2");
}

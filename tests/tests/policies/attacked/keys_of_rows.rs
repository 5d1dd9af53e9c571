//! Changes of keys, and keys of copies.

use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use sea_orm_migration::SchemaManager;

use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::{EVERYTHING, comment, file, forum, post, tag};

async fn audited(db: &sea_orm::DatabaseConnection) {
    let manager = SchemaManager::new(db);
    manager.install_audit().await.unwrap();
    for table in ["users", "posts", "comments", "files", "tags", "links"] {
        manager.audit_table(table).await.unwrap();
    }
    run(db, crate::policies::forum::ROWS).await;
}

#[tokio::test]
async fn remap_does_not_change_primary_keys_into_another_archived_row() {
    let (_d, db) = crate::policies::forum::empty().await;
    audited(&db).await;
    run(&db, "insert into tags values (3, 'rust')").await;
    tag::Entity::archive_by_id((3, "rust".to_owned()))
        .exec(&db)
        .await
        .unwrap();
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        EVERYTHING,
        post::Entity::restore_by_id(1).remap(post::Entity, 1, 3)
    );
    if let Err(error) = &done {
        no_raw(error);
        assert!(!error.to_string().contains("deleted_tags"), "{error}");
    }
    sound(&db, &FORUM, "remap").await;
    assert_log_agrees(&db, &["posts", "comments", "tags"]).await;
}

#[tokio::test]
async fn remap_does_not_change_primary_keys() {
    let (_d, db) = crate::policies::forum::empty().await;
    audited(&db).await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let _done = both!(
        &db,
        "remap",
        EVERYTHING,
        post::Entity::restore_by_id(1).remap(post::Entity, 1, 3)
    );
    sound(&db, &FORUM, "remap").await;
    assert_log_agrees(&db, &["posts", "comments", "tags"]).await;
}

#[tokio::test]
async fn remap_does_not_change_the_key_of_the_root() {
    let (_d, db) = crate::policies::forum::empty().await;
    audited(&db).await;
    file::Entity::archive_by_id(4).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        EVERYTHING,
        file::Entity::restore_by_id(4).remap(comment::Entity, 4, 1)
    );
    assert_log_agrees(&db, &["files"]).await;
    if let Ok(done) = done {
        let key = texts(
            &db,
            "select comment_id::text from files where comment_id <> 2",
        )
        .await;
        assert_eq!(
            done.archival.root_key["comment_id"].to_string(),
            key[0],
            "the record names another row"
        );
    }
}

#[tokio::test]
async fn remap_of_the_root_key_with_a_conflict_keeps_the_archival_sound() {
    let (_d, db) = forum().await;
    file::Entity::archive_by_id(4).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        EVERYTHING,
        file::Entity::restore_by_id(4).remap(comment::Entity, 4, 2)
    );
    no_raw(&done.unwrap_err());
    sound(&db, &FORUM, "remap").await;
}

#[tokio::test]
async fn a_default_with_one_value_for_all_rows_is_a_typed_error() {
    let (_d, db) = forum().await;
    run(
        &db,
        "alter table comments alter id set default extract(epoch from now())::bigint",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let error = both!(
        &db,
        "now",
        EVERYTHING,
        post::Entity::restore_by_id(1)
            .as_new()
            .rename(post::Column::Slug, "-{n}")
    )
    .unwrap_err();
    no_raw(&error);
    assert!(
        !error.to_string().contains("deleted_comments_pkey"),
        "{error}"
    );
}

#[tokio::test]
async fn a_default_that_is_a_constant_expression_is_a_typed_error() {
    let (_d, db) = forum().await;
    run(
        &db,
        "alter table comments alter id set default (100 + 1) * 2",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let error = both!(
        &db,
        "constant",
        EVERYTHING,
        post::Entity::restore_by_id(1).as_new()
    )
    .unwrap_err();
    no_raw(&error);
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

#[tokio::test]
async fn a_sequence_that_is_behind_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "select setval('posts_id_seq', 1, false)").await;
    // A sequence is not rolled back, so the preview and the restore get other keys.
    let restore = post::Entity::restore_by_id(1).as_new();
    let before = dumps(&db, &EVERYTHING).await;
    let error = restore.clone().preview(&db).await.err();
    error.iter().for_each(no_raw);
    no_raw(&restore.exec(&db).await.unwrap_err());
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn a_sequence_that_has_ended_changes_nothing() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "alter sequence posts_id_seq maxvalue 100; select setval('posts_id_seq', 100)",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    // 2200H: what is to be done is in the message of PostgreSQL, which names the sequence.
    let error = error.unwrap_err().to_string();
    assert!(error.contains("posts_id_seq"), "{error}");
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn a_trigger_of_the_archive_table_loses_no_copies() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create function lose() returns trigger language plpgsql as $$ begin if new.mark = 'c' then return null; end if; return new; end $$;
        create trigger lose before insert on deleted_comments for each row execute function lose()").await;
    run(&db, "update deleted_posts set slug = 'other'").await;
    let done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    if let Ok(done) = &done {
        assert_eq!(
            done.rows["public.comments"], 4,
            "a copy was lost without an error"
        );
    }
}

#[tokio::test]
async fn a_trigger_of_the_archive_table_changes_no_copies() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create function alter_it() returns trigger language plpgsql as $$ begin new.mark := 'zzz' || new.id; return new; end $$;
        create trigger alter_it before insert on deleted_comments for each row execute function alter_it()").await;
    let done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    if done.is_ok() {
        assert_eq!(
            number(&db, "select count(*) from comments where mark like 'zzz%'").await,
            0,
            "copies were changed without an error"
        );
    }
}

#[tokio::test]
async fn copies_of_copies_and_of_parts() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let one = post::Entity::restore_by_id(1)
        .as_new()
        .exec(&db)
        .await
        .unwrap();
    let id = one.archival.root_key["id"].as_i64().unwrap();
    let again = post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    let two = both!(
        &db,
        "copy",
        EVERYTHING,
        post::Entity::restore_by_id(id)
            .as_new()
            .rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
    assert_eq!(two.archival.part_of, Some(again.id));
    let _part = both!(
        &db,
        "part",
        EVERYTHING,
        comment::Entity::restore_by_id(2).as_part().as_new()
    );
    sound(&db, &FORUM, "copies").await;
}

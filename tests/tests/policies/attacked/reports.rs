//! What a restore with changes reports: waiting rows, lost links, counters, parents.

use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{number, run, texts};

use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::{EVERYTHING, comment, forum, link, post};

/// Comment 6 of post 1 replies to comment 5 of post 2; both posts are archived, so it waits for post 2.
async fn with_waiting(db: &sea_orm::DatabaseConnection) {
    run(
        db,
        "insert into comments (post_id, reply_to, mark) values (1, 5, 'w')",
    )
    .await;
    post::Entity::archive_by_id(1).exec(db).await.unwrap();
    post::Entity::archive_by_id(2).exec(db).await.unwrap();
}

#[tokio::test]
async fn waiting_rows_are_reported_with_a_rename() {
    let (_d, db) = forum().await;
    with_waiting(&db).await;
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let done = both!(
        &db,
        "rename",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
    assert_eq!(
        done.waiting.len(),
        1,
        "{:?} missing {:?}",
        done.waiting,
        done.missing
    );
    assert!(done.missing.is_empty(), "{:?}", done.missing);
    sound(&db, &FORUM, "rename").await;
}

#[tokio::test]
async fn waiting_rows_are_reported_with_rows_that_stay() {
    let (_d, db) = forum().await;
    with_waiting(&db).await;
    run(
        &db,
        "insert into comments (id, post_id, mark) values (4, 3, 'four')",
    )
    .await;
    let done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    assert_eq!(done.stayed.len(), 1);
    assert_eq!(
        done.waiting.len(),
        1,
        "{:?} missing {:?}",
        done.waiting,
        done.missing
    );
    assert!(done.missing.is_empty(), "{:?}", done.missing);
    sound(&db, &FORUM, "skip").await;
}

#[tokio::test]
async fn lost_links_are_reported_with_a_rename() {
    let (_d, db) = forum().await;
    run(&db, "alter table comments drop constraint comments_author, add constraint comments_author foreign key (author_id) references users on delete set null").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "delete from posts where author_id = 2; delete from users where id = 2; insert into posts (author_id, slug) values (3, 'first')").await;
    let done = both!(
        &db,
        "lost",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
    assert_eq!(done.not_relinked.len(), 2, "{:?}", done.not_relinked);
}

#[tokio::test]
async fn an_optional_parent_that_does_not_exist_is_a_conflict() {
    let (_d, db) = forum().await;
    link::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "set",
        EVERYTHING,
        link::Entity::restore_by_id(1).set(link::Column::PostId, 999)
    );
    let post = texts(
        &db,
        "select coalesce(post_id::text, 'NULL') from links where id = 1",
    )
    .await;
    assert!(
        done.is_err(),
        "set to 999, restored as {post:?}: {:?}",
        done.unwrap().changes
    );
}

#[tokio::test]
async fn an_optional_parent_is_not_remapped_to_one_that_does_not_exist() {
    let (_d, db) = forum().await;
    link::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        EVERYTHING,
        link::Entity::restore_by_id(1).remap(post::Entity, 1, 999)
    );
    let post = texts(
        &db,
        "select coalesce(post_id::text, 'NULL') from links where id = 1",
    )
    .await;
    assert!(
        done.is_err(),
        "remapped to 999, restored as {post:?}: {:?}",
        done.unwrap().changes
    );
}

#[tokio::test]
async fn counters_are_right_after_set_every() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts add column comments integer not null default 0; alter table deleted_posts add column comments integer not null default 0;
        update posts set comments = (select count(*) from comments c where c.post_id = posts.id);
        create function counted() returns trigger language plpgsql as $$ begin
            update posts set comments = comments + 1 where tg_op = 'INSERT' and id = new.post_id;
            update posts set comments = comments - 1 where tg_op = 'DELETE' and id = old.post_id; return null; end $$;
        create trigger counted after insert or delete on comments for each row execute function counted()").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = post::Entity::restore_by_id(1)
        .set_every(comment::Column::PostId, 3)
        .exec(&db)
        .await;
    if let Err(error) = &done {
        no_raw(error);
    }
    let wrong = texts(&db, "select id || ' has ' || comments || ' of ' || (select count(*) from comments c where c.post_id = posts.id) from posts where comments <> (select count(*) from comments c where c.post_id = posts.id)").await;
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn counters_are_right_after_remap() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts add column comments integer not null default 0; alter table deleted_posts add column comments integer not null default 0;
        update posts set comments = (select count(*) from comments c where c.post_id = posts.id);
        create function counted() returns trigger language plpgsql as $$ begin
            update posts set comments = comments + 1 where tg_op = 'INSERT' and id = new.post_id;
            update posts set comments = comments - 1 where tg_op = 'DELETE' and id = old.post_id; return null; end $$;
        create trigger counted after insert or delete on comments for each row execute function counted()").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = post::Entity::restore_by_id(1)
        .remap(post::Entity, 1, 3)
        .exec(&db)
        .await;
    if let Err(error) = &done {
        no_raw(error);
    }
    let wrong = texts(&db, "select id || ' has ' || comments || ' of ' || (select count(*) from comments c where c.post_id = posts.id) from posts where comments <> (select count(*) from comments c where c.post_id = posts.id)").await;
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn counters_that_are_suspended_are_right_after_a_part() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts add column comments integer not null default 0; alter table deleted_posts add column comments integer not null default 0;
        update posts set comments = (select count(*) from comments c where c.post_id = posts.id);
        create function counted() returns trigger language plpgsql as $$ begin
            update posts set comments = comments + 1 where id = new.post_id; return null; end $$;
        create function discounted() returns trigger language plpgsql as $$ begin
            update posts set comments = comments - 1 where id = old.post_id; return null; end $$;
        create trigger counted after insert on comments for each row when (not archive.is_moving('posts')) execute function counted();
        create trigger discounted after delete on comments for each row when (not archive.is_moving('posts')) execute function discounted()").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let _done = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&db)
        .await;
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    let wrong = texts(&db, "select id || ' has ' || comments || ' of ' || (select count(*) from comments c where c.post_id = posts.id) from posts where comments <> (select count(*) from comments c where c.post_id = posts.id)").await;
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn as_part_with_the_parents() {
    let (_d, db) = forum().await;
    let _archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let _done = both!(
        &db,
        "part",
        EVERYTHING,
        comment::Entity::restore_by_id(4).as_part().with_parents()
    );
    sound(&db, &FORUM, "part").await;
}

#[tokio::test]
async fn as_part_below_a_parent_that_is_archived_elsewhere() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let part = || {
        comment::Entity::restore_by_id(4)
            .as_part()
            .set(comment::Column::PostId, 3)
    };
    both!(&db, "part", EVERYTHING, part()).unwrap_err();
    let done = both!(&db, "part", EVERYTHING, part().with_parents()).unwrap();
    assert_eq!(done.parents.len(), 1);
    sound(&db, &FORUM, "part").await;
}

#[tokio::test]
async fn every_row_below_another_archived_parent_waits() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let third = post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "set",
        EVERYTHING,
        post::Entity::restore_by_id(1).set_every(comment::Column::PostId, 3)
    )
    .unwrap();
    assert_eq!(
        done.waiting.iter().map(|w| w.rows).sum::<u64>(),
        6,
        "{:?}",
        done.waiting
    );
    assert!(done.missing.is_empty(), "{:?}", done.missing);
    sound(&db, &FORUM, "set").await;
    third.restore(&db).await.unwrap();
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 3").await,
        4
    );
}

#[tokio::test]
async fn the_root_refers_to_a_row_that_has_a_conflict() {
    let (_d, db) = forum().await;
    // A pinned comment.
    run(&db, "alter table posts add column pinned bigint constraint posts_pinned references comments on delete set null deferrable; alter table deleted_posts add column pinned bigint; update posts set pinned = 4 where id = 1").await;
    let archived = post::Entity::archive_by_id(1).exec(&db).await;
    let Ok(_) = archived else {
        return;
    };
    run(
        &db,
        "insert into comments (id, post_id, mark) values (4, 3, 'four')",
    )
    .await;
    let done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    );
    run(&db, "delete from comments where id = 4").await;
    if done.is_err() {
        let _part = both!(
            &db,
            "part",
            EVERYTHING,
            comment::Entity::restore_by_id(4)
                .as_part()
                .set(comment::Column::PostId, 3)
        );
    }
    sound(&db, &FORUM, "pinned").await;
}

#[tokio::test]
async fn a_link_goes_with_the_row_that_is_left() {
    let (_d, db) = forum().await;
    // The links of comments are cut, too.
    run(&db, "alter table comments drop constraint comments_reply, add constraint comments_reply foreign key (reply_to) references comments on delete set null").await;
    let archived = post::Entity::archive_by_id(1).exec(&db).await;
    if archived.is_err() {
        return;
    }
    run(
        &db,
        "insert into comments (id, post_id, mark) values (2, 3, 'two')",
    )
    .await;
    let _done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    sound(&db, &FORUM, "skip").await;
}

#[tokio::test]
async fn rows_of_tables_that_are_not_there_are_reported() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = post::Entity::restore_by_id(1)
        .set_every(comment::deleted::Column::Mark, "x")
        .exec(&db)
        .await;
    assert!(
        done.is_err(),
        "set_every of an archive table's column was ignored: {:?}",
        done.unwrap().changes
    );
}

//! Odd changes of the forum.
use sea_orm::TransactionTrait;
use sea_orm_archive::archival;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::AuditSchema;
use sea_orm_archive_tests::assert_log_agrees;
use sea_orm_archive_tests::race;
use sea_orm_archive_tests::sql::{dumps, number, run, texts};
use sea_orm_migration::SchemaManager;

use super::kit::both;
use super::kit::{FORUM, no_raw, sound};
use crate::policies::forum::{EVERYTHING, comment, file, forum, link, post, tag, user};

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
async fn a_row_with_two_conflicts_gets_one_suffix() {
    let (_d, db) = forum().await;
    run(
        &db,
        "create unique index posts_lower on posts (lower(slug))",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let done = both!(
        &db,
        "two",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-2"],
        "{:?}",
        done.changes
    );
}

#[tokio::test]
async fn a_suffix_longer_than_the_column_is_not_cut() {
    let (_d, db) = forum().await;
    run(&db, "update posts set slug = left(slug, 1); alter table posts alter slug type varchar(1); alter table deleted_posts alter slug type varchar(1)").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) values (2, 'f')").await;
    let done = both!(
        &db,
        "cut",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    let slug = texts(&db, "select slug from posts where id = 1").await;
    assert!(slug.is_empty() || !slug[0].starts_with('-'), "{slug:?}");
    no_raw(&done.unwrap_err());
}

#[tokio::test]
async fn a_number_longer_than_the_column_is_not_cut() {
    let (_d, db) = forum().await;
    run(&db, "update posts set slug = left(slug, 2); alter table posts alter slug type varchar(2); alter table deleted_posts alter slug type varchar(2)").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) select 2, '-' || n from generate_series(2, 9) n; insert into posts (author_id, slug) values (2, 'fi')").await;
    let done = both!(
        &db,
        "cut",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    let slug = texts(&db, "select slug from posts where id = 1").await;
    assert_ne!(slug, ["-1"], "the number 10 was cut");
    no_raw(&done.unwrap_err());
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
        println!("{error}");
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
        println!("{error}");
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
    let done = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&db)
        .await;
    println!("{:?}", done.as_ref().err().map(ToString::to_string));
    post::Entity::restore_by_id(1).exec(&db).await.unwrap();
    let wrong = texts(&db, "select id || ' has ' || comments || ' of ' || (select count(*) from comments c where c.post_id = posts.id) from posts where comments <> (select count(*) from comments c where c.post_id = posts.id)").await;
    assert_eq!(wrong, Vec::<String>::new());
}

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
        println!("{error}");
    }
    sound(&db, &FORUM, "remap").await;
    assert_log_agrees(&db, &["posts", "comments", "tags"]).await;
}

#[tokio::test]
async fn remap_does_not_change_primary_keys() {
    let (_d, db) = crate::policies::forum::empty().await;
    audited(&db).await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "remap",
        EVERYTHING,
        post::Entity::restore_by_id(1).remap(post::Entity, 1, 3)
    );
    println!("{:?}", done.as_ref().map(|d| &d.changes));
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
    println!("{:?}", done.as_ref().map(|d| &d.changes));
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
async fn a_sequence_that_has_ended_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "alter sequence posts_id_seq maxvalue 100; select setval('posts_id_seq', 100)",
    )
    .await;
    let error = post::Entity::restore_by_id(1)
        .as_new()
        .exec(&db)
        .await
        .unwrap_err();
    println!("{error}");
}

#[tokio::test]
async fn a_trigger_of_the_archive_table_loses_no_copies() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "create function lose() returns trigger language plpgsql as $$ begin if new.mark = 'c' then return null; end if; return new; end $$;
        create trigger lose before insert on deleted_comments for each row execute function lose()").await;
    run(&db, "update deleted_posts set slug = 'other'").await;
    let done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    println!(
        "LOSE {:?}",
        done.as_ref().map(|d| &d.rows).map_err(ToString::to_string)
    );
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
    println!(
        "ALTER {:?}",
        done.as_ref().map(|d| &d.rows).map_err(ToString::to_string)
    );
    if done.is_ok() {
        assert_eq!(
            number(&db, "select count(*) from comments where mark like 'zzz%'").await,
            0,
            "copies were changed without an error"
        );
    }
}

#[tokio::test]
async fn a_transaction_of_the_caller_goes_on_after_errors() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let txn = db.begin().await.unwrap();
    assert!(
        post::Entity::restore_by_id(1)
            .as_new()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .skip_conflicting()
            .with_parents()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .set(post::Column::Slug, "much longer than the column")
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        comment::Entity::restore_by_id(2)
            .as_part()
            .with_parents()
            .exec(&txn)
            .await
            .is_err()
    );
    assert!(
        post::Entity::restore_by_id(1)
            .remap(user::Entity, 1, 99)
            .preview(&txn)
            .await
            .is_ok()
    );
    txn.commit().await.unwrap();
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn an_original_is_purged_after_a_part_was_taken() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
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
    let stayed = done.stayed[0].archival.unwrap();
    post::Entity::archive_by_id(1)
        .exec(&db)
        .await
        .unwrap()
        .purge(&db)
        .await
        .unwrap();
    run(&db, "delete from comments where id = 4").await;
    let again = archival::Entity::restore_by_id(stayed);
    let error = both!(&db, "without a parent", EVERYTHING, again.clone()).unwrap_err();
    no_raw(&error);
    let done = both!(
        &db,
        "with another",
        EVERYTHING,
        again.set(comment::Column::PostId, 3)
    )
    .unwrap();
    assert_eq!(done.rows["public.files"], 1);
    assert_eq!(done.archival.part_of, Some(archival.id));
    sound(&db, &FORUM, "purge").await;
}

#[tokio::test]
async fn a_part_of_an_archival_is_taken_and_the_rest_purged() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    comment::Entity::restore_by_id(2)
        .as_part()
        .set_every(comment::Column::PostId, 3)
        .set(comment::Column::ReplyTo, None::<i64>)
        .exec(&db)
        .await
        .unwrap();
    let purged = archival.purge(&db).await.unwrap();
    assert_eq!(purged.rows["public.comments"], 2);
    assert_eq!(
        number(&db, "select count(*) from comments where post_id = 3").await,
        2
    );
    sound(&db, &FORUM, "purge").await;
}

#[tokio::test]
async fn as_part_with_the_parents() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let done = both!(
        &db,
        "part",
        EVERYTHING,
        comment::Entity::restore_by_id(4).as_part().with_parents()
    );
    println!(
        "{:?} {}",
        done.as_ref().err().map(ToString::to_string),
        archival.id
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
        println!("{}", archived.unwrap_err());
        return;
    };
    println!(
        "{:?}",
        texts(
            &db,
            "select coalesce(pinned::text, 'null') from deleted_posts"
        )
        .await
    );
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
    println!(
        "{:?}",
        done.as_ref()
            .map(|d| (&d.stayed, &d.not_relinked))
            .map_err(ToString::to_string)
    );
    run(&db, "delete from comments where id = 4").await;
    if done.is_err() {
        let part = both!(
            &db,
            "part",
            EVERYTHING,
            comment::Entity::restore_by_id(4)
                .as_part()
                .set(comment::Column::PostId, 3)
        );
        println!("{:?}", part.as_ref().map_err(ToString::to_string).err());
    }
    sound(&db, &FORUM, "pinned").await;
}

#[tokio::test]
async fn a_link_goes_with_the_row_that_is_left() {
    let (_d, db) = forum().await;
    // The links of comments are cut, too.
    run(&db, "alter table comments drop constraint comments_reply, add constraint comments_reply foreign key (reply_to) references comments on delete set null").await;
    let archived = post::Entity::archive_by_id(1).exec(&db).await;
    println!("{:?}", archived.as_ref().err().map(ToString::to_string));
    if archived.is_err() {
        return;
    }
    run(
        &db,
        "insert into comments (id, post_id, mark) values (2, 3, 'two')",
    )
    .await;
    let done = both!(
        &db,
        "skip",
        EVERYTHING,
        post::Entity::restore_by_id(1).skip_conflicting()
    )
    .unwrap();
    println!("{:?}", done.stayed);
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

#[tokio::test]
async fn marks_with_odd_characters_come_back_as_they_were_given() {
    let (_d, db) = forum().await;
    for (n, text) in [
        "it's",
        "back\\slash",
        "\\",
        "'",
        "''; drop table users; --",
        "{n}",
        "%s $1 ?",
        "\u{1a}",
        "tab\tnew\nline\r\u{8}",
        "\"quoted\"",
        "é\u{1f600}",
        "E'\\x41'",
        "$$x$$",
    ]
    .iter()
    .enumerate()
    {
        for setting in ["on", "off"] {
            let txn = db.begin().await.unwrap();
            run(
                &txn,
                &format!("set local standard_conforming_strings = {setting}"),
            )
            .await;
            post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
            let done = post::Entity::restore_by_id(1)
                .set_every(comment::Column::Mark, "")
                .set_every(file::Column::Name, *text)
                .exec(&txn)
                .await
                .unwrap();
            assert_eq!(
                done.changes.last().unwrap().to["name"],
                *text,
                "{n} {setting}"
            );
            let found = texts(&txn, "select name from files order by 1 limit 1").await;
            assert_eq!(found, [*text], "{n} {setting}");
            txn.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_zero_byte_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    for text in ["a\0b", "a\x001", "\0"] {
        let txn = db.begin().await.unwrap();
        let done = post::Entity::restore_by_id(1)
            .set(post::Column::Slug, text)
            .exec(&txn)
            .await;
        match done {
            Err(error) => no_raw(&error),
            Ok(_) => panic!(
                "{text:?} became {:?}",
                texts(&txn, "select slug from posts where id = 1").await
            ),
        }
        txn.rollback().await.unwrap();
        let done = post::Entity::restore_by_id(1)
            .rename(post::Column::Slug, text)
            .exec(&txn_of(&db).await)
            .await;
        println!("{:?}", done.map(|_| ()).map_err(|e| e.to_string()));
    }
}

async fn txn_of(db: &sea_orm::DatabaseConnection) -> sea_orm::DatabaseTransaction {
    db.begin().await.unwrap()
}

#[tokio::test]
async fn a_suffix_with_a_zero_byte_is_a_typed_error() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    let error = both!(
        &db,
        "zero",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "a\0b")
    )
    .unwrap_err();
    no_raw(&error);
}

#[tokio::test]
async fn a_suffix_with_odd_characters() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    for suffix in [
        "'",
        "\\",
        "%",
        "{m}",
        "'{n}'",
        "é{n}",
        "{n}{n}",
        "\u{1f600}",
        "",
    ] {
        for setting in ["on", "off"] {
            let txn = db.begin().await.unwrap();
            run(
                &txn,
                &format!("set local standard_conforming_strings = {setting}"),
            )
            .await;
            let done = post::Entity::restore_by_id(1)
                .rename(post::Column::Slug, suffix)
                .exec(&txn)
                .await;
            match done {
                Ok(_) => assert_eq!(
                    texts(&txn, "select slug from posts where id = 1").await,
                    [format!("first{}", suffix.replace("{n}", "2"))]
                ),
                Err(error) => {
                    no_raw(&error);
                    assert_eq!(suffix, "", "{error}")
                }
            }
            txn.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn values_of_another_type_are_typed_errors() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let r = || post::Entity::restore_by_id(1);
    let tries = [
        r().set(post::Column::AuthorId, true),
        r().set(post::Column::AuthorId, 1.5f64),
        r().set(post::Column::AuthorId, f64::NAN),
        r().set(post::Column::AuthorId, f64::INFINITY),
        r().set(post::Column::AuthorId, u64::MAX),
        r().set(post::Column::Slug, 5),
        r().set(post::Column::Slug, true),
        r().set(post::Column::Slug, serde_json::json!({"a": "it's"})),
        r().set(post::Column::Slug, vec![1u8, 2]),
        r().set(post::Column::AuthorId, vec![1u8, 2]),
        r().set(post::Column::AuthorId, sea_orm::Value::BigInt(None)),
        r().set_every(tag::Column::PostId, 3),
        r().set_every(file::Column::CommentId, 3),
        r().set_every(comment::Column::Id, 3),
    ];
    for (n, restore) in tries.into_iter().enumerate() {
        let before = dumps(&db, &EVERYTHING).await;
        match restore.exec(&db).await {
            Ok(done) => {
                println!("{n}: {:?}", done.changes);
                post::Entity::archive_by_id(1).exec(&db).await.unwrap();
                run(
                    &db,
                    "update deleted_posts set slug = 'first', author_id = 1 where id = 1",
                )
                .await;
            }
            Err(error) => {
                println!("{n}: {error}");
                no_raw(&error);
                assert_eq!(dumps(&db, &EVERYTHING).await, before);
            }
        }
    }
}

#[tokio::test]
async fn hundreds_of_renames() {
    let (_d, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, mark) select 1, 'x' || n from generate_series(1, 350) n",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into comments (post_id, mark) select 3, 'x' || n from generate_series(1, 350) n",
    )
    .await;
    let done = post::Entity::restore_by_id(1)
        .rename(comment::Column::Mark, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(
        (done.changes.len(), done.rows["public.comments"]),
        (350, 354)
    );
}

#[tokio::test]
async fn an_exclusion_constraint_with_a_rename() {
    let (_d, db) = forum().await;
    run(
        &db,
        "alter table posts add constraint posts_ex exclude using btree (slug with =)",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'first-2')",
    )
    .await;
    let done = both!(
        &db,
        "exclusion",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    println!(
        "{:?}",
        done.as_ref()
            .map(|d| &d.changes)
            .map_err(ToString::to_string)
    );
    assert_eq!(
        texts(&db, "select slug from posts where id = 1").await,
        ["first-3"]
    );
}

#[tokio::test]
async fn nulls_that_are_not_distinct_do_not_become_a_suffix() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts alter slug drop not null, drop constraint posts_slug, add constraint posts_slug unique nulls not distinct (slug); alter table deleted_posts alter slug drop not null; update posts set slug = null where id = 1").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "insert into posts (author_id, slug) values (2, null)").await;
    let done = both!(
        &db,
        "null",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    );
    println!(
        "{:?}",
        done.as_ref()
            .map(|d| &d.changes)
            .map_err(ToString::to_string)
    );
    assert_eq!(
        texts(&db, "select coalesce(slug, 'NULL') from posts where id = 1").await,
        Vec::<String>::new(),
        "NULL got a suffix"
    );
}

#[tokio::test]
async fn a_deferred_unique_constraint() {
    let (_d, db) = forum().await;
    run(&db, "alter table posts drop constraint posts_slug, add constraint posts_slug unique (slug) deferrable initially deferred").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first')",
    )
    .await;
    both!(&db, "deferred", EVERYTHING, post::Entity::restore_by_id(1)).unwrap_err();
    both!(
        &db,
        "deferred",
        EVERYTHING,
        post::Entity::restore_by_id(1).as_new()
    )
    .unwrap_err();
    both!(
        &db,
        "deferred",
        EVERYTHING,
        post::Entity::restore_by_id(1).rename(post::Column::Slug, "-{n}")
    )
    .unwrap();
}

#[tokio::test]
async fn the_new_parent_is_archived_meanwhile() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| post::Entity::archive_by_id(3).exec(txn);
        second waits for first |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(db);
        first commits;
    };
    println!("{:?}", done.as_ref().err().map(ToString::to_string));
    no_raw(&done.unwrap_err());
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn the_new_parent_is_archived_after_it() {
    let (database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(txn);
        second waits for first |db| post::Entity::archive_by_id(3).exec(db);
        first commits;
    };
    assert_eq!(done.unwrap().rows()["public.comments"], 1);
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn the_original_is_purged_while_a_part_is_taken() {
    let (database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, done) = race! { database;
        first holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 3).exec(txn);
        second waits for first |db| archival.purge(db);
        first commits;
    };
    assert_eq!(done.unwrap().rows["public.comments"], 3);
    assert_eq!(
        number(&db, "select count(*) from comments where id = 4").await,
        1
    );
    assert_eq!(
        number(&db, "select count(*) from files where comment_id = 4").await,
        1
    );
    sound(&db, &FORUM, "race").await;
}

#[tokio::test]
async fn a_row_is_deferred_to_the_archival_while_a_part_is_taken() {
    let (database, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, reply_to, mark) values (3, 4, 'w')",
    )
    .await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // Restoring post 3 defers comment 6 to post 1, of which comment 4 is taken meanwhile.
    let (_, third) = race! { database;
        part holds |txn| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(txn);
        restore waits for part |db| post::Entity::restore_by_id(3).exec(db);
        part commits;
    };
    println!(
        "{:?}",
        third
            .as_ref()
            .map(|d| (&d.rows, &d.waiting))
            .map_err(ToString::to_string)
    );
    sound(&db, &FORUM, "race").await;
    first.restore(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from comments").await, 6);
}

#[tokio::test]
async fn a_row_is_deferred_first_and_a_part_is_taken_then() {
    let (database, db) = forum().await;
    run(
        &db,
        "insert into comments (post_id, reply_to, mark) values (3, 4, 'w')",
    )
    .await;
    post::Entity::archive_by_id(3).exec(&db).await.unwrap();
    let first = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let (_, part) = race! { database;
        restore holds |txn| post::Entity::restore_by_id(3).exec(txn);
        part waits for restore |db| comment::Entity::restore_by_id(4).as_part().set(comment::Column::PostId, 2).exec(db);
        restore commits;
    };
    println!(
        "{:?}",
        part.as_ref()
            .map(|d| (&d.rows, &d.waiting))
            .map_err(ToString::to_string)
    );
    sound(&db, &FORUM, "race").await;
    first.restore(&db).await.unwrap();
    assert_eq!(number(&db, "select count(*) from comments").await, 6);
}

#[tokio::test]
async fn repeatable_read_and_serializable() {
    use sea_orm::IsolationLevel;
    let (_d, db) = forum().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let txn = db.begin_with_config(Some(level), None).await.unwrap();
        assert_eq!(number(&txn, "select count(*) from posts").await, 3);
        post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        run(&txn, "insert into posts (id, author_id, slug) values (77, 2, 'first'); insert into comments (id, post_id, mark) values (4, 3, 'four')").await;
        post::Entity::restore_by_id(1)
            .rename(post::Column::Slug, "-{n}")
            .skip_conflicting()
            .exec(&txn)
            .await
            .unwrap();
        post::Entity::archive_by_id(1).exec(&txn).await.unwrap();
        let copied = post::Entity::restore_by_id(1).as_new().exec(&txn).await;
        println!("{:?}", copied.as_ref().err().map(ToString::to_string));
        txn.rollback().await.unwrap();
    }
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    // A snapshot that is older than another's restore.
    let txn = db
        .begin_with_config(Some(sea_orm::IsolationLevel::RepeatableRead), None)
        .await
        .unwrap();
    assert_eq!(number(&txn, "select count(*) from posts").await, 2);
    comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&db)
        .await
        .unwrap();
    let error = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 3)
        .exec(&txn)
        .await
        .unwrap_err();
    println!("{error}");
    assert!(matches!(error, Error::Retry(_)), "{error}");
}

#[tokio::test]
async fn columns_come_and_go_between_archive_and_restore() {
    let (_d, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "alter table posts add column extra text not null default 'e'; alter table deleted_posts add column extra text not null default 'e';
        alter table comments drop column author_id; alter table files rename column name to title; alter table deleted_files rename column name to title").await;
    let done = both!(
        &db,
        "old column",
        EVERYTHING,
        post::Entity::restore_by_id(1).set_every(file::Column::Name, "x")
    );
    println!(
        "{:?}",
        done.as_ref()
            .map(|d| &d.changes)
            .map_err(ToString::to_string)
    );
    if let Err(error) = &done {
        no_raw(error);
    }
    let done = both!(
        &db,
        "dropped column",
        EVERYTHING,
        post::Entity::restore_by_id(1).set_every(comment::Column::AuthorId, 2)
    );
    if let Err(error) = &done {
        no_raw(error);
        println!("{error}");
    }
    let done = both!(
        &db,
        "copy",
        EVERYTHING,
        post::Entity::restore_by_id(1).as_new()
    );
    println!(
        "{:?}",
        done.as_ref().map(|d| &d.rows).map_err(ToString::to_string)
    );
    if let Err(error) = &done {
        no_raw(error);
    }
}

#[tokio::test]
async fn a_child_table_is_dropped_between() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "drop table files").await;
    run(
        &db,
        "insert into comments (id, post_id, mark) values (4, 3, 'four')",
    )
    .await;
    let tables = [
        "posts",
        "comments",
        "deleted_posts",
        "deleted_comments",
        "deleted_files",
        "archive.archival",
        "tags",
        "deleted_tags",
    ];
    let done = both!(
        &db,
        "skip",
        tables,
        archival::Entity::restore_by_id(archival.id).skip_conflicting()
    );
    println!(
        "{:?}",
        done.as_ref()
            .map(|d| (&d.rows, &d.stayed, &d.missing))
            .map_err(ToString::to_string)
    );
    let left = texts(&db, "select d.comment_id || ' ' || coalesce(a.restored_at::text, 'open') from deleted_files d join archive.archival a on a.id = d.archival_id order by 1").await;
    println!("{left:?}");
}

#[tokio::test]
async fn the_key_of_the_root_is_renamed_between() {
    let (_d, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(&db, "alter table posts rename column id to nid; alter table deleted_posts rename column id to nid; alter table comments rename column id to nid; alter table deleted_comments rename column id to nid").await;
    run(&db, "insert into comments (nid, post_id, mark) values (4, 3, 'four'); insert into posts (author_id, slug) values (2, 'first')").await;
    let tables = [
        "posts",
        "comments",
        "files",
        "deleted_posts",
        "deleted_comments",
        "deleted_files",
        "archive.archival",
        "tags",
        "deleted_tags",
    ];
    let done = archival::Entity::restore_by_id(archival.id)
        .as_new()
        .set(post::Column::Slug, "x")
        .rename(comment::Column::Mark, "-{n}")
        .exec(&db)
        .await
        .unwrap();
    assert_eq!(done.rows["public.comments"], 4);
    let done = both!(
        &db,
        "skip",
        tables,
        archival::Entity::restore_by_id(archival.id)
            .set(post::Column::Slug, "y")
            .rename(comment::Column::Mark, "-{n}")
            .skip_conflicting()
    )
    .unwrap();
    assert_eq!((done.stayed.len(), done.rows["public.comments"]), (1, 3));
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
    let part = both!(
        &db,
        "part",
        EVERYTHING,
        comment::Entity::restore_by_id(2).as_part().as_new()
    );
    println!("{:?}", part.err().map(|e| e.to_string()));
    sound(&db, &FORUM, "copies").await;
}

#[tokio::test]
async fn restore_many_with_everything() {
    let (_d, db) = forum().await;
    run(&db, "insert into posts (id, author_id, slug) values (10, 1, 'a'), (11, 1, 'b'); insert into comments (id, post_id, mark, reply_to) values (20, 10, 'p', null), (21, 11, 'q', 20), (22, 11, 'r', 21)").await;
    for id in [10, 11, 1, 2] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    // 'a' is archived twice.
    run(&db, "insert into posts (id, author_id, slug) values (12, 1, 'a'); insert into comments (id, post_id, mark) values (20, 3, 'taken')").await;
    post::Entity::archive_by_id(12).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let restore = post::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .set_every(comment::Column::AuthorId, 3);
    let preview = restore.clone().preview(&db).await.unwrap();
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    let done = restore.exec(&db).await.unwrap();
    assert_eq!(preview.changes, done.changes);
    assert_eq!(preview.rows, done.rows);
    assert_eq!(preview.waiting, done.waiting);
    println!("{:?} {:?} {:?}", done.stayed, done.waiting, done.missing);
    sound(&db, &FORUM, "many").await;
    assert_eq!(
        number(
            &db,
            "select (select count(*) from comments) + (select count(*) from deleted_comments)"
        )
        .await,
        9
    );
    assert!(done.missing.is_empty(), "{:?}", done.missing);
}

#[tokio::test]
async fn batches_with_policies() {
    let (_d, db) = forum().await;
    for id in [1, 2, 3] {
        post::Entity::archive_by_id(id).exec(&db).await.unwrap();
    }
    run(
        &db,
        "insert into posts (author_id, slug) values (2, 'first'), (2, 'second')",
    )
    .await;
    let mut batches = post::Entity::restore_many()
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .in_batches(1);
    let mut n = 0;
    while batches.next(&db).await.unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 3);
    assert_eq!(
        texts(&db, "select slug from posts order by 1").await,
        ["first", "first-2", "second", "second-2", "third"]
    );
}

//! What a restore cannot change.

use sea_orm_archive::error::{DriftError, RefusedError};
use sea_orm_archive::prelude::*;
use sea_orm_archive_tests::sql::{dumps, run};

use super::forum::{EVERYTHING, comment, forum, post, tag};

fn problem(error: &Error) -> &str {
    match error {
        Error::Refused(RefusedError::RestorePolicy { problem, .. }) => problem,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn columns_that_others_depend_on_are_not_changed() {
    let (_database, db) = forum().await;
    let archival = post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let restore = || post::Entity::restore_by_id(1);
    let cases = [
        (restore().set(post::Column::Id, 9), "primary key"),
        (restore().set_every(tag::Column::Name, "x"), "primary key"),
        (
            restore().set(post::Column::Slug, "much longer than the column"),
            "too long",
        ),
        (
            restore().set(post::Column::Slug, None::<String>),
            "null value",
        ),
        (restore().set(post::Column::AuthorId, "x"), "invalid input"),
    ];
    for (restore, text) in cases {
        let error = restore.clone().preview(&db).await.unwrap_err();
        assert!(problem(&error).contains(text), "{error}");
        assert_eq!(error.http_status(), 422);
        let error = restore.exec(&db).await.unwrap_err();
        assert!(problem(&error).contains(text), "{error}");
    }
    // The key of a file is that of its comment.
    let error = restore()
        .remap(comment::Entity, 2, 4)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(problem(&error).contains("primary key"), "{error}");
    run(&db, "insert into comments (post_id, mark) values (2, 'a')").await;
    let error = restore()
        .rename(comment::Column::PostId, "x")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(problem(&error).contains("only text"), "{error}");
    run(&db, "delete from comments where id > 5").await;
    let by_id = sea_orm_archive::archival::Entity::restore_by_id(archival.id);
    let error = by_id
        .set(comment::Column::Mark, "x")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(problem(&error).contains(".set_every(..)"), "{error}");
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn a_table_without_generated_keys_is_not_copied() {
    let (_database, db) = forum().await;
    run(&db, "alter table comments alter column id drop default").await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1)
        .as_new()
        .exec(&db)
        .await
        .unwrap_err();
    assert!(problem(&error).contains("no new key"), "{error}");
    assert!(error.to_string().starts_with("public.comments"), "{error}");
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

#[tokio::test]
async fn rows_that_a_trigger_counts_do_not_come_back_apart() {
    let (_database, db) = forum().await;
    run(
        &db,
        "alter table posts add column comments integer not null default 0;
         alter table deleted_posts add column comments integer not null default 0;
         create function counted() returns trigger language plpgsql as $$ begin
             update posts set comments = (select count(*) from comments c where c.post_id = posts.id) where id = new.post_id; return new; end $$;
         create trigger counted after insert on comments for each row execute function counted()",
    )
    .await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    let before = dumps(&db, &EVERYTHING).await;
    let error = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 2)
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(DriftError::Trigger { message }) if message.contains("counted")),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
    // Another value is no matter of the trigger.
    post::Entity::restore_by_id(1)
        .set(post::Column::Slug, "other")
        .exec(&db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_trigger_of_the_archive_table_cannot_change_more() {
    let (_database, db) = forum().await;
    post::Entity::archive_by_id(1).exec(&db).await.unwrap();
    run(
        &db,
        "create function meddle() returns trigger language plpgsql as $$ begin new.author_id := 3; return new; end $$;
         create trigger meddle before update on deleted_posts for each row execute function meddle()",
    )
    .await;
    let before = dumps(&db, &EVERYTHING).await;
    let error = post::Entity::restore_by_id(1)
        .set(post::Column::Slug, "x")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Drift(_)) && error.to_string().contains("meddle"),
        "{error}"
    );
    assert_eq!(dumps(&db, &EVERYTHING).await, before);
}

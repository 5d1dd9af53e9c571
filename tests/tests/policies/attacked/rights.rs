//! Grants and policies of the application.
use super::kit::{FORUM, sound};
use crate::policies::forum::{EVERYTHING, comment, forum, post};
use sea_orm::DatabaseConnection;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, run, texts};
use sea_orm_migration::SchemaManager;

/// A role with what the guide lists for a restore.
async fn restorer(database: &Database, db: &DatabaseConnection) -> (String, DatabaseConnection) {
    let web = database.role("web").await;
    SchemaManager::new(db).grant_archive(&web).await.unwrap();
    for table in crate::policies::forum::ALL {
        run(db, &format!("grant select, insert on {table} to {web}; grant select, update, delete on deleted_{table} to {web}")).await;
    }
    run(db, &format!("grant update on links to {web}")).await;
    (web, database.connect_as("web").await)
}

#[tokio::test]
async fn a_role_with_the_rights_of_the_guide() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, "insert into posts (author_id, slug) values (2, 'first'); insert into comments (id, post_id, mark) values (4, 2, 'D'), (97, 2, 'B')").await;
    let refused = post::Entity::restore_by_id(1)
        .as_new()
        .rename(post::Column::Slug, "-{n}")
        .exec(&db)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("permission denied") || refused.to_string().contains("INSERT"),
        "{refused}"
    );
    run(&owner, &format!("grant insert on deleted_posts, deleted_comments, deleted_files, deleted_tags to {web}; grant usage on sequence posts_id_seq, comments_id_seq to {web}")).await;
    both_as(
        &db,
        &owner,
        post::Entity::restore_by_id(1)
            .as_new()
            .rename(post::Column::Slug, "-{n}")
            .rename(comment::Column::Mark, "-{n}"),
    )
    .await;
    comment::Entity::restore_by_id(2)
        .as_part()
        .rename(comment::Column::Mark, "-{n}")
        .set_every(comment::Column::PostId, 2)
        .set(comment::Column::ReplyTo, None::<i64>)
        .exec(&db)
        .await
        .unwrap();
    post::Entity::restore_by_id(1)
        .rename(post::Column::Slug, "-{n}")
        .skip_conflicting()
        .exec(&db)
        .await
        .unwrap();
    sound(&owner, &FORUM, "rights").await;
}
async fn both_as(
    db: &DatabaseConnection,
    _owner: &DatabaseConnection,
    restore: sea_orm_archive::RestoreOne<post::Entity>,
) {
    restore.exec(db).await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_not_write_a_child_cannot_take_it() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(
        &owner,
        &format!("revoke update on deleted_files from {web}"),
    )
    .await;
    let before = dumps(&owner, &EVERYTHING).await;
    let _error = comment::Entity::restore_by_id(4)
        .as_part()
        .set(comment::Column::PostId, 2)
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(dumps(&owner, &EVERYTHING).await, before);
}

#[tokio::test]
async fn a_policy_without_update_does_not_ignore_a_set() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("alter table deleted_posts enable row level security; create policy s on deleted_posts for select to {web} using (true); create policy d on deleted_posts for delete to {web} using (true)")).await;
    let done = post::Entity::restore_by_id(1)
        .set(post::Column::Slug, "other")
        .exec(&db)
        .await;
    let slug = texts(&owner, "select slug from posts where id = 1").await;
    assert!(
        done.is_err() || slug == ["other"],
        "restored as {slug:?} without an error, changes {:?}",
        done.unwrap().changes
    );
    if let Err(_error) = &done {}
}

#[tokio::test]
async fn a_policy_without_update_does_not_ignore_a_set_every() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("alter table deleted_comments enable row level security; create policy s on deleted_comments for select to {web} using (true); create policy d on deleted_comments for delete to {web} using (true); create policy u on deleted_comments for update to {web} using (id <> 2)")).await;
    let done = post::Entity::restore_by_id(1)
        .set_every(comment::Column::Mark, "")
        .exec(&db)
        .await;
    let marks = texts(
        &owner,
        "select mark from comments where post_id = 1 and mark <> ''",
    )
    .await;
    assert!(
        marks.is_empty(),
        "restored with {marks:?} without an error: {:?}",
        done.map(|d| d.changes.len()).map_err(|e| e.to_string())
    );
}

#[tokio::test]
async fn a_policy_that_hides_rows_makes_no_incomplete_copy() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("grant insert on deleted_posts, deleted_comments, deleted_files, deleted_tags to {web}; grant usage on sequence posts_id_seq, comments_id_seq to {web};
        alter table deleted_comments enable row level security; create policy a on deleted_comments to {web} using (id not in (3)) with check (true)")).await;
    let _plain = post::Entity::restore_by_id(1).exec(&db).await.unwrap_err();
    let done = post::Entity::restore_by_id(1).as_new().exec(&db).await;
    if let Err(_error) = &done {}
    assert!(
        done.is_err(),
        "copied {:?} of 4 comments",
        done.unwrap().rows["public.comments"]
    );
}

#[tokio::test]
async fn a_policy_that_hides_rows_leaves_no_part_without_its_rows() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("alter table deleted_comments enable row level security; create policy a on deleted_comments to {web} using (id not in (3)) with check (true)")).await;
    let done = comment::Entity::restore_by_id(2)
        .as_part()
        .set_every(comment::Column::PostId, 2)
        .set(comment::Column::ReplyTo, None::<i64>)
        .exec(&db)
        .await;
    if let Err(_error) = &done {}
    sound(&owner, &FORUM, "hidden").await;
    assert!(
        done.is_err(),
        "comment 2 came back without its reply: {:?}",
        done.unwrap().rows
    );
}

#[tokio::test]
async fn a_policy_that_hides_a_child_leaves_no_stayed_row_apart() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("insert into comments (post_id, mark) values (3, 'b'); alter table deleted_files enable row level security; create policy a on deleted_files to {web} using (comment_id <> 2) with check (true)")).await;
    let _done = post::Entity::restore_by_id(1)
        .skip_conflicting()
        .exec(&db)
        .await;
    sound(&owner, &FORUM, "hidden").await;
}

#[tokio::test]
async fn a_with_check_that_refuses_a_value_is_no_raw_error() {
    let (database, owner) = forum().await;
    let (web, db) = restorer(&database, &owner).await;
    post::Entity::archive_by_id(1).exec(&owner).await.unwrap();
    run(&owner, &format!("alter table deleted_posts enable row level security; create policy a on deleted_posts to {web} using (true) with check (author_id = 1)")).await;
    let before = dumps(&owner, &EVERYTHING).await;
    let _error = post::Entity::restore_by_id(1)
        .set(post::Column::AuthorId, 2)
        .exec(&db)
        .await
        .unwrap_err();
    assert_eq!(dumps(&owner, &EVERYTHING).await, before);
}

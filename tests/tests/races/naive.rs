//! Wrong ways to archive a post with plain SQL. Each is in two halves, so that a test can run other statements between
//! them.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

const POST: &str = "id, title, slug, content, author_id, created_at";
const COMMENT: &str = "id, post_id, author_id, content, created_at";
const LIKE: &str = "id, comment_id, user_id, created_at";

/// Copies the post and everything below it.
pub async fn copy(txn: &DatabaseTransaction, post: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!(
        "insert into deleted_posts ({POST}, deleted_at, archival_id)
             select {POST}, now(), 0 from posts where id = {post};
         insert into deleted_comments ({COMMENT}, deleted_at, archival_id)
             select {COMMENT}, now(), 0 from comments where post_id = {post};
         insert into deleted_likes ({LIKE}, deleted_at, archival_id)
             select {LIKE}, now(), 0 from likes
             where comment_id in (select id from comments where post_id = {post})"
    ))
    .await?;
    Ok(())
}

/// Deletes the copied rows: the second half of `copy`.
pub async fn delete(txn: &DatabaseTransaction, post: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!(
        "delete from likes where comment_id in (select id from comments where post_id = {post});
         delete from comments where post_id = {post};
         delete from post_tags where post_id = {post};
         delete from posts where id = {post}"
    ))
    .await?;
    Ok(())
}

/// Leaves the children to ON DELETE CASCADE.
pub async fn delete_root(txn: &DatabaseTransaction, post: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!("delete from posts where id = {post}"))
        .await?;
    Ok(())
}

pub async fn lock_root(txn: &DatabaseTransaction, post: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!("select from posts where id = {post} for update"))
        .await?;
    Ok(())
}

/// The statement of a correct archive, which is wrong without the locks before it.
pub async fn move_at_once(txn: &DatabaseTransaction, post: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!(
        "with p as (delete from posts where id = {post} returning {POST}),
              c as (delete from comments t using p where t.post_id = p.id returning t.*),
              l as (delete from likes t using c where t.comment_id = c.id returning t.*),
              g as (delete from post_tags t using p where t.post_id = p.id returning t.*),
              kp as (insert into deleted_posts ({POST}, deleted_at, archival_id) select {POST}, now(), 0 from p),
              kc as (insert into deleted_comments ({COMMENT}, deleted_at, archival_id) select {COMMENT}, now(), 0 from c)
         insert into deleted_likes ({LIKE}, deleted_at, archival_id) select {LIKE}, now(), 0 from l"
    ))
    .await?;
    Ok(())
}

//! The obvious, wrong implementation: copy, then delete, in a transaction.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

const POST: &str = "id, title, slug, content, author_id, created_at";
const COMMENT: &str = "id, post_id, author_id, content, created_at";
const LIKE: &str = "id, comment_id, user_id, created_at";

pub async fn archive(db: &DatabaseConnection, post: i64) -> Result<(), DbErr> {
    let txn = db.begin().await?;
    let copies = [
        format!(
            "insert into deleted_likes ({LIKE}, deleted_at, archival_id) select {LIKE}, now(), 0 from likes
             where comment_id in (select id from comments where post_id = {post})"
        ),
        format!(
            "insert into deleted_comments ({COMMENT}, deleted_at, archival_id)
             select {COMMENT}, now(), 0 from comments where post_id = {post}"
        ),
        format!(
            "insert into deleted_posts ({POST}, deleted_at, archival_id)
             select {POST}, now(), 0 from posts where id = {post}"
        ),
        format!("delete from posts where id = {post}"),
    ];
    for sql in copies {
        txn.execute_unprepared(&sql).await?;
    }
    txn.commit().await
}

pub async fn restore(db: &DatabaseConnection, post: i64) -> Result<(), DbErr> {
    let txn = db.begin().await?;
    let moves = [
        format!(
            "with d as (delete from deleted_posts where id = {post} returning {POST})
             insert into posts ({POST}) select {POST} from d"
        ),
        format!(
            "with d as (delete from deleted_comments where post_id = {post} returning {COMMENT})
             insert into comments ({COMMENT}) select {COMMENT} from d"
        ),
        "with d as (delete from deleted_likes l using comments c where c.id = l.comment_id
                    returning l.id, l.comment_id, l.user_id, l.created_at)
         insert into likes (id, comment_id, user_id, created_at) select id, comment_id, user_id, created_at from d"
            .to_owned(),
    ];
    for sql in moves {
        txn.execute_unprepared(&sql).await?;
    }
    txn.commit().await
}

//! The obvious, wrong implementations: copy, then delete, in a transaction; and delete, then record, without a lock.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_archive_tests::sql::texts;

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

/// Counts the rows of an archival, deletes them, and records the count. Nothing keeps a restore from taking them, or from deferring another
/// row to the archival, between two of these statements.
pub async fn purge(db: &DatabaseConnection, archival: i64) -> Result<(), DbErr> {
    let tables = ["likes", "comments", "post_tags", "posts"];
    let counts = tables.map(|table| {
        format!(
            "'public.{table}', (select count(*) from deleted_{table} where archival_id = {archival})"
        )
    });
    let txn = db.begin().await?;
    let counted = format!("select jsonb_build_object({})::text", counts.join(", "));
    let rows = texts(&txn, &counted).await.concat();
    // As far away as the server of an application may be.
    txn.execute_unprepared("select pg_sleep(0.02)").await?;
    for table in tables {
        let delete = format!("delete from deleted_{table} where archival_id = {archival}");
        txn.execute_unprepared(&delete).await?;
    }
    let record = format!(
        "update archive.archival set purged_at = now(), purged_rows = '{rows}' where id = {archival}"
    );
    txn.execute_unprepared(&record).await?;
    txn.commit().await
}

//! The same move in plain SQL for these two tables.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait, Value,
};

use crate::Fallible;
use crate::target::Target;

pub(crate) async fn archive(db: &DatabaseConnection, target: Target) -> Fallible {
    let transaction = db.begin().await?;
    match target {
        Target::Post(id) => {
            let lock = "SELECT id FROM posts WHERE id = $1 FOR UPDATE";
            let locked = ids(&transaction, lock, [id.into()]).await?;
            if locked.is_empty() {
                return Err("no such post".into());
            }
            run(&transaction, include_str!("floor/archive.sql"), [id.into()]).await?;
        }
        Target::Author { author, .. } => {
            let lock = "SELECT id FROM posts WHERE author_id = $1 ORDER BY id FOR UPDATE";
            let locked = ids(&transaction, lock, [author.into()]).await?;
            let sql = include_str!("floor/archive_many.sql");
            run(&transaction, sql, [locked.into()]).await?;
        }
    }
    Ok(transaction.commit().await?)
}

pub(crate) async fn restore(db: &DatabaseConnection, target: Target) -> Fallible {
    match target {
        Target::Post(id) => one(db, id).await?,
        Target::Author {
            posts,
            at_once: false,
            ..
        } => {
            for id in posts.ids() {
                one(db, id).await?;
            }
        }
        Target::Author { author, .. } => {
            let transaction = db.begin().await?;
            let lock = "SELECT a.id FROM deleted_posts AS d JOIN archive.archival AS a ON a.id = d.archival_id
                        WHERE d.author_id = $1 AND a.restored_at IS NULL ORDER BY a.id FOR UPDATE OF a";
            let locked = ids(&transaction, lock, [author.into()]).await?;
            let sql = include_str!("floor/restore_many.sql");
            run(&transaction, sql, [locked.into()]).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

async fn one(db: &DatabaseConnection, id: i64) -> Fallible {
    let transaction = db.begin().await?;
    let lock =
        "SELECT a.id FROM deleted_posts AS d JOIN archive.archival AS a ON a.id = d.archival_id
                WHERE d.id = $1 AND a.restored_at IS NULL FOR UPDATE OF a";
    let locked = ids(&transaction, lock, [id.into()]).await?;
    let archival = *locked.first().ok_or("no such archived post")?;
    let sql = include_str!("floor/restore.sql");
    run(&transaction, sql, [archival.into()]).await?;
    Ok(transaction.commit().await?)
}

async fn ids(db: &DatabaseTransaction, sql: &str, values: [Value; 1]) -> Fallible<Vec<i64>> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let rows = db.query_all_raw(statement).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("", "id"))
        .collect::<Result<_, _>>()?)
}

async fn run(db: &DatabaseTransaction, sql: &str, values: [Value; 1]) -> Fallible {
    if ids(db, sql, values).await?.is_empty() {
        return Err("no row was moved".into());
    }
    Ok(())
}

//! Poolers.

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, Restored};

use crate::Output;
use crate::blog::{CreateBlog, post};

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.map_sqlx_postgres_opts(|options| options.statement_cache_capacity(0));
    sea_orm::Database::connect(options).await
}

async fn in_a_transaction(db: DatabaseConnection) -> Result<Restored, Error> {
    let context = Context::new().actor(7);
    context
        .run(&db, async |txn| {
            post::Entity::archive_by_id(1).exec(txn).await?;
            post::Entity::restore_by_id(1).exec(txn).await
        })
        .await
}

pub async fn run(db: &DatabaseConnection, _output: &mut Output) -> anyhow::Result<()> {
    let _ = connect;
    crate::up(db, &CreateBlog).await?;
    db.execute_unprepared(
        "insert into users (name) values ('Ada'); insert into posts (author_id, title, slug) values (1, 'One', 'one')",
    )
    .await?;
    in_a_transaction(db.clone()).await?;
    Ok(())
}

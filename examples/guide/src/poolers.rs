//! Poolers.

use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};

use crate::Output;

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options.map_sqlx_postgres_opts(|options| options.statement_cache_capacity(0));
    sea_orm::Database::connect(options).await
}

pub async fn run(_db: &DatabaseConnection, _output: &mut Output) -> anyhow::Result<()> {
    let _ = connect;
    Ok(())
}

//! Backups and replication.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::prelude::*;

use crate::Output;
use crate::blog::CreateBlog;

async fn findings(db: &DatabaseConnection, output: &mut Output) -> Result<(), Error> {
    for finding in sea_orm_archive::check(db).await? {
        output.line(format!("{}: {}", finding.object, finding.problem));
        output.line(format!("  {}", finding.remedy));
    }
    Ok(())
}

async fn switch_over(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.reset_archive_sequences().await?;
    manager.reset_id_sequence("posts").await
}

pub async fn run(db: &DatabaseConnection, output: &mut Output) -> anyhow::Result<()> {
    crate::up(db, &CreateBlog).await?;
    findings(db, output).await?;
    // What a data-only dump does with `--disable-triggers`; as the owner, with the triggers of users alone.
    db.execute_unprepared(
        "alter table posts disable trigger user; alter table posts enable trigger user",
    )
    .await?;
    findings(db, output).await?;
    switch_over(&SchemaManager::new(db)).await?;
    Ok(())
}

//! Roles and grants.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::SchemaManager;

use crate::Output;

async fn grant(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.grant_archive("web").await?; // archive, restore, preview, histories
    manager.grant_audit("auditor").await?; // read the audit log
    manager.grant_audit_maintenance("jobs").await?; // create its partitions, and drop expired ones
    manager.grant_holds("counsel").await?; // place, release and list holds
    manager.grant_events("search").await?; // read and acknowledge events
    Ok(())
}

pub async fn run(db: &DatabaseConnection, _output: &mut Output) -> anyhow::Result<()> {
    let manager = SchemaManager::new(db);
    manager.install_archive().await?;
    manager.install_audit().await?;
    db.execute_unprepared("create role web; create role auditor; create role jobs; create role counsel; create role search; grant web, auditor, jobs, counsel, search to current_user")
        .await?;
    grant(&manager).await?;
    db.execute_unprepared(
        "drop owned by web, auditor, jobs, counsel, search; drop role web, auditor, jobs, counsel, search",
    )
    .await?;
    Ok(())
}

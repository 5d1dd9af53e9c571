//! Verbs in a migration, on its connection.

use sea_orm_archive::prelude::*;
use sea_orm_archive::{Context, Error, check};
use sea_orm_archive_tests::sql::count;
use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use super::notes::{database, note, price, row};

#[derive(DeriveMigrationName)]
struct MoveNotes;

#[async_trait::async_trait]
impl MigrationTrait for MoveNotes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        note::Entity::archive_by_id(1)
            .by(7)
            .exec(manager.get_connection())
            .await?;
        note::Entity::restore_by_id(1)
            .exec(manager.get_connection())
            .await?;
        note::Entity::archive_many()
            .preview(manager.get_connection())
            .await?;
        let done = row(2, "moved", 0)
            .update_if_unchanged(manager.get_connection())
            .await;
        done.map_err(Error::from)?;
        price::Entity::change(1)
            .valid_from(
                "2026-02-01T00:00:00Z"
                    .parse::<sea_orm::prelude::DateTimeUtc>()
                    .unwrap(),
            )
            .value(price::Column::Label, "dear")
            .exec(manager.get_connection())
            .await?;
        let context = Context::new().actor(7);
        context
            .run(manager.get_connection(), async |txn| {
                note::Entity::archive_by_id(3).exec(txn).await.map(drop)
            })
            .await?;
        assert_eq!(check(manager.get_connection()).await?, []);
        Ok(())
    }
}

#[tokio::test]
async fn verbs_run_on_the_connection_of_a_migration() {
    let database = database().await;
    let db = database.connect().await;
    MoveNotes.up(&SchemaManager::new(&db)).await.unwrap();
    assert_eq!(
        count(&db, "deleted_notes where deleted_by::text = '7'").await,
        1
    );
}

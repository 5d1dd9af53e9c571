use sea_orm_archive_migration::{
    ArchiveSchema, AuditSchema, EventSchema, Guard, GuardSchema, HistorySchema, HistoryTable,
    StampSchema, StampedTable, TemporalForeignKey, Tenancy, TenancySchema,
};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_history_table(
                HistoryTable::new("department_history").identity("department_id", "departments"),
            )
            .await?;
        manager
            .create_history_table(
                HistoryTable::new(("shop", "price_history"))
                    .identity_columns(["region", "product"], ("shop", "products"))
                    .dates()
                    .valid_to("until")
                    .recorded_by("clerk", ColumnType::Uuid)
                    .bitemporal_as("recorded_from", "recorded_to"),
            )
            .await?;
        manager
            .get_connection()
            .execute_unprepared(
                "ALTER TABLE public.bookmarks ENABLE ALWAYS TRIGGER archive_follow_key",
            )
            .await?;
        manager
            .get_connection()
            .execute_unprepared("DROP TRIGGER stray ON public.tickets")
            .await?;
        manager.install_archive().await?;
        manager.install_audit().await?;
        manager.sync_archived_table("comments").await?;
        manager.sync_archived_table(("shop", "sales")).await?;
        manager
            .stamp_table(
                StampedTable::new("orders")
                    .created_at_column("issued_at")
                    .created_by_column("clerk")
                    .without_updated_by()
                    .by(ColumnType::Uuid),
            )
            .await?;
        manager.stamp_table(StampedTable::new("posts")).await?;
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("staff", ["department_id"])
                    .at("hired_at")
                    .references("department_history")
                    .name("staff_department_id_hired_at_fkey"),
            )
            .await?;
        manager.guard_table("pages", Guard::refuse()).await?;
        manager
            .guard_table(("shop", "sales"), Guard::catch())
            .await?;
        manager
            .enable_tenancy(Tenancy::new("posts", "org_id"))
            .await?;
        manager.enable_events().await?;
        manager.archive_existing_table("tickets").await?;
        manager.audit_table("tickets").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.unaudit_table("tickets").await?;
        manager.unarchive_existing_table("tickets").await
    }
}

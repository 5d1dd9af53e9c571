//! Creates the tables of countries, their names, people, and the log of their moves.

use sea_orm_archive_migration::prelude::*;
use sea_orm_migration::{
    prelude::*,
    schema::{big_pk_auto, date, integer, text},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(countries()).await?;
        manager
            .create_history_table(
                HistoryTable::new("country_history")
                    .identity("country_id", "countries")
                    .column(text("name"))
                    .dates()
                    .recorded_by("decided_by", ColumnType::Text),
            )
            .await?;
        manager.create_table(people()).await?;
        manager.create_table(person_audit()).await?;
        manager
            .create_temporal_foreign_key(
                TemporalForeignKey::new("person_audit", ["country_id"])
                    .at("changed_on")
                    .references("country_history"),
            )
            .await?;
        let db = manager.get_connection();
        db.execute_unprepared(NEVER_MODIFIED).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let fkey = "person_audit_country_id_changed_on_fkey";
        manager
            .drop_temporal_foreign_key("person_audit", fkey)
            .await?;
        manager.drop_table(drop("person_audit")).await?;
        let db = manager.get_connection();
        db.execute_unprepared("DROP FUNCTION IF EXISTS refuse_modification()")
            .await?;
        manager.drop_table(drop("people")).await?;
        manager.drop_history_table("country_history").await?;
        manager.drop_table(drop("countries")).await
    }
}

/// "Audit entries are immutable. Once written, never modified."
const NEVER_MODIFIED: &str = "\
CREATE FUNCTION refuse_modification() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an entry of % is never modified', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER never_modified BEFORE UPDATE OR DELETE OR TRUNCATE ON person_audit
    EXECUTE FUNCTION refuse_modification()";

fn countries() -> TableCreateStatement {
    Table::create()
        .table("countries")
        .col(integer("id").primary_key())
        .to_owned()
}

fn people() -> TableCreateStatement {
    Table::create()
        .table("people")
        .col(integer("id").primary_key())
        .col(text("name"))
        .to_owned()
}

fn person_audit() -> TableCreateStatement {
    let references = |column: &'static str, table: &'static str| {
        ForeignKey::create()
            .from("person_audit", column)
            .to(table, "id")
            .to_owned()
    };
    Table::create()
        .table("person_audit")
        .col(big_pk_auto("id"))
        .col(integer("person_id"))
        .col(integer("country_id"))
        .col(integer("changed_by"))
        .col(date("changed_on"))
        .foreign_key(&mut references("person_id", "people"))
        .foreign_key(&mut references("country_id", "countries"))
        .foreign_key(&mut references("changed_by", "people"))
        .index(
            Index::create()
                .name("person_audit_person_id_changed_on_key")
                .col("person_id")
                .col("changed_on")
                .unique(),
        )
        .to_owned()
}

fn drop(table: &'static str) -> TableDropStatement {
    Table::drop().table(table).if_exists().to_owned()
}

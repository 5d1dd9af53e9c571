//! Columns that the database writes: identity ALWAYS, a generated column, a domain, and a trigger that changes rows.

use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] invoice "invoices" {
    pub net: i64,
    #[sea_orm(extra = "GENERATED ALWAYS AS (net * 12 / 10) STORED")]
    pub gross: i64,
    pub note: Option<String>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "computed"
    }

    fn tables(&self) -> &'static str {
        "create domain amount as bigint check (value >= 0);
         create table invoices (id bigint generated always as identity primary key, net amount not null,
             gross bigint generated always as (net * 12 / 10) stored, note text);
         create function upper_note() returns trigger language plpgsql as 'begin new.note := upper(new.note); return new; end';
         create trigger upper_note before insert on invoices for each row when (new.note is not null) execute function upper_note()"
    }

    fn rows(&self) -> &'static str {
        "insert into invoices (net, note) values (10, 'a'), (20, null)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        manager.archive_existing_table("invoices").await
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, invoice::Entity, 1);
    }
}

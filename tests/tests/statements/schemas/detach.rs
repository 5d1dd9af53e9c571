//! Tickets whose assignee is detached, and an invoice that blocks the archive of its user.

use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] user "users" {
    pub name: String,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub tickets: HasMany<super::ticket::Entity>,
    #[sea_orm(has_many)]
    #[archive(restrict)]
    pub invoices: HasMany<super::invoice::Entity>,
});
entity!(#[derive(DeriveArchive)] ticket "tickets" {
    pub assignee_id: Option<i64>,
    #[sea_orm(belongs_to, from = "assignee_id", to = "id")]
    pub assignee: BelongsTo<Option<super::user::Entity>>,
});
entity!(invoice "invoices" {
    pub user_id: i64,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "detach"
    }

    fn tables(&self) -> &'static str {
        "create table users (id bigint primary key, name text not null unique);
         create table tickets (id bigint primary key, assignee_id bigint references users);
         create table invoices (id bigint primary key, user_id bigint not null references users)"
    }

    fn rows(&self) -> &'static str {
        "insert into users values (1, 'one'), (2, 'two'); insert into tickets values (1, 1), (2, null)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["users", "tickets"] {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, user::Entity, 1);
    }
}

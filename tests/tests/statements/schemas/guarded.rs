//! Triggers of the application, an identity column that is always generated, a generated column.

use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_migration::{DbErr, SchemaManager};

use super::{Schema, entity, moves};
use crate::recorder::Recorder;

entity!(#[derive(DeriveArchive)] order "orders" {
    pub net: i64,
    pub gross: Option<i64>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub lines: HasMany<super::line::Entity>,
});
entity!(#[derive(DeriveArchive)] line "lines" {
    pub order_id: i64,
    #[sea_orm(belongs_to, from = "order_id", to = "id")]
    pub order: BelongsTo<super::order::Entity>,
});

pub struct This;

impl Schema for This {
    fn name(&self) -> &'static str {
        "guarded"
    }

    fn tables(&self) -> &'static str {
        "create table orders (id bigint generated always as identity primary key, net bigint not null, gross bigint generated always as (net * 2) stored);
         create table lines (id bigint generated always as identity primary key, order_id bigint not null references orders on delete cascade);
         create function pass() returns trigger language plpgsql as $$ begin return coalesce(new, old); end $$;
         create trigger pass before insert or update or delete on lines for each row execute function pass()"
    }

    fn rows(&self) -> &'static str {
        "insert into orders (net) values (1), (2); insert into lines (order_id) values (1), (2)"
    }

    async fn migrate(&self, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
        for table in ["orders", "lines"] {
            manager.archive_existing_table(table).await?;
        }
        Ok(())
    }

    async fn call(&self, recorder: &Recorder) {
        moves!(recorder, order::Entity, 1);
    }
}

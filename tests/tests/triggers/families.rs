//! Parents, whose children are archived with them, whose `loose` rows lose their link, and whose `kept` rows block the archive.

use sea_orm::DatabaseConnection;
use sea_orm_archive_migration::{SuspendedTrigger, TriggerSchema};
use sea_orm_archive_tests::Database;
use sea_orm_archive_tests::sql::{dumps, run};
use sea_orm_archive_tests::tables::tables;
use sea_orm_migration::SchemaManager;

/// An entity over a table with an id alone; the other columns move too.
macro_rules! entity {
    ($name:ident, $table:literal $(, $archive:meta)*) => {
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            $(#[$archive])*
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: i64,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

/// An entity with a link to a parent.
macro_rules! child {
    ($name:ident, $table:literal) => {
        pub mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: i64,
                pub parent_id: Option<i64>,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {
                #[sea_orm(
                    belongs_to = "super::parent::Entity",
                    from = "Column::ParentId",
                    to = "super::parent::Column::Id"
                )]
                Parent,
            }

            impl Related<super::parent::Entity> for Entity {
                fn to() -> RelationDef {
                    Relation::Parent.def()
                }
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(
    parent,
    "parents",
    archive(cascade(super::child::Entity)),
    archive(detach(super::loose::Entity))
);
child!(child, "children");
child!(loose, "loose");

const TABLES: &str = "create table parents (id bigint primary key, name text, total int not null default 0, updated_at timestamptz);
    create table children (id bigint primary key, parent_id bigint references parents on delete cascade, v int);
    create table kept (id bigint primary key, parent_id bigint references parents);
    create table loose (id bigint primary key, parent_id bigint references parents on delete set null, updated_at timestamptz);
    insert into parents values (1, 'a', 2, '2020-01-01Z'), (2, 'b', 1, '2020-01-02Z');
    insert into children values (1, 1, 1), (2, 1, 2), (3, 2, 1);
    insert into loose values (1, 1, '2020-01-03Z'), (2, 2, '2020-01-04Z');";

/// The tables and `ddl` in a database of the test.
pub async fn families(ddl: &str) -> (Database, DatabaseConnection) {
    let (database, db) = tables(TABLES, &["parents", "children"]).await;
    run(&db, ddl).await;
    (database, db)
}

/// A function `f` with this body, and triggers that call it.
pub async fn with_function(body: &str, triggers: &[&str]) -> (Database, DatabaseConnection) {
    let triggers: String = triggers
        .iter()
        .map(|trigger| format!("create {trigger} execute function f();"))
        .collect();
    families(&format!(
        "create function f() returns trigger language plpgsql as $$ begin {body} end $$; {triggers}"
    ))
    .await
}

/// Every row of every table.
pub async fn contents(db: &DatabaseConnection) -> Vec<Vec<String>> {
    dumps(
        db,
        &[
            "parents",
            "children",
            "kept",
            "loose",
            "deleted_parents",
            "deleted_children",
        ],
    )
    .await
}

/// Suspends a trigger while parents move.
pub async fn suspend(db: &DatabaseConnection, table: &'static str, trigger: &str) {
    let trigger = SuspendedTrigger::new(table, trigger).while_moving("parents");
    let manager = SchemaManager::new(db);
    manager.suspend_trigger(trigger).await.unwrap();
}

//! The entities of the five tables. Their declarations are those of the schema of the current thread.
//!
//! A test runs on one thread, and each case has its own database, so declarations do not change for a database. All cases
//! share the caches of the runtime by type, which tests these caches too.

macro_rules! table {
    ($module:ident, $n:literal, $name:literal, $archive_table:literal, $($key:ident: $type:ty),+) => {
        pub mod $module {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::{Archivable, Declaration, Restorable};

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model {
                $(#[sea_orm(primary_key, auto_increment = false)]
                pub $key: $type,)+
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}

            /// The key of a row, in the type of the entity.
            #[allow(unused_parens, reason = "keys of two columns need them")]
            pub fn key(parts: crate::schemas::entities::Parts) -> ($($type),+) {
                ($(parts.$key),+)
            }

            impl Archivable for Entity {
                type Deleted = deleted::Entity;
                type DeletedBy = i64;

                fn declaration() -> Declaration {
                    crate::schemas::schema::declaration::<Self>($n)
                }
            }

            pub mod deleted {
                use sea_orm::entity::prelude::*;

                #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
                #[sea_orm(table_name = $archive_table)]
                pub struct Model {
                    $(#[sea_orm(primary_key, auto_increment = false)]
                    pub $key: $type,)+
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}
            }

            impl Restorable for deleted::Entity {
                type Active = Entity;
            }
        }
    };
}

table!(t0, 0, "t0", "deleted_t0", id: i64);
table!(t1, 1, "t1", "deleted_t1", area: i32, id: i64);
table!(t2, 2, "t2", "deleted_t2", id: i64);
table!(t3, 3, "t3", "deleted_t3", area: i32, id: i64);
table!(t4, 4, "t4", "deleted_t4", id: i64);

/// The values of a key.
pub struct Parts {
    /// Not used by tables without this column.
    pub area: i32,
    pub id: i64,
}

/// Runs `$body` with the module of the entity of a table.
macro_rules! with_entity {
    ($table:expr, $entity:ident => $body:expr) => {
        match $table {
            0 => {
                use crate::schemas::entities::t0 as $entity;
                $body
            }
            1 => {
                use crate::schemas::entities::t1 as $entity;
                $body
            }
            2 => {
                use crate::schemas::entities::t2 as $entity;
                $body
            }
            3 => {
                use crate::schemas::entities::t3 as $entity;
                $body
            }
            4 => {
                use crate::schemas::entities::t4 as $entity;
                $body
            }
            other => panic!("there is no table {other}"),
        }
    };
}
pub(crate) use with_entity;

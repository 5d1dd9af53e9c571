//! The lock version column of an entity, in every format.

use sea_orm::IdenStatic;
use sea_orm_archive::{Archivable, OptimisticLock};

mod dense {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock, DeriveArchive,
    )]
    #[sea_orm(table_name = "notes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub lock_version: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A compact entity with its lock version in one field or another.
macro_rules! compact {
    ($name:ident, $option:literal, $(#[$column:meta])* $field:ident, $type:ty) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveOptimisticLock;

            #[allow(dead_code)]
            pub type Revision = i64;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveOptimisticLock)]
            #[sea_orm(table_name = "notes", rename_all = "camelCase")]
            #[optimistic_lock(field = $option)]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                $(#[$column])*
                pub $field: $type,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

compact!(small, "lock_version", lock_version, i16);
compact!(big, "row_version", row_version, i64);
compact!(
    of_another_name,
    "revision",
    #[sea_orm(column_name = "rev no.")]
    revision,
    i32
);
compact!(
    of_another_variant,
    "revision",
    #[sea_orm(enum_name = "Rev")]
    revision,
    i32
);
compact!(keyword, "type", r#type, i32);
compact!(keyword_as_written, "r#type", r#type, i32);
compact!(alias, "revision", revision, self::Revision);

fn lock_version<E: OptimisticLock>() -> (String, &'static str) {
    let column = E::lock_version_column();
    (
        column.as_str().to_owned(),
        std::any::type_name::<E::LockVersion>(),
    )
}

#[test]
fn the_version_is_the_field_of_that_name_or_the_one_that_is_named() {
    let named = |name: &str, ty| (name.to_owned(), ty);
    assert_eq!(
        lock_version::<dense::Entity>(),
        named("lock_version", "i32")
    );
    assert_eq!(lock_version::<small::Entity>(), named("lockVersion", "i16"));
    assert_eq!(lock_version::<big::Entity>(), named("rowVersion", "i64"));
    assert_eq!(
        lock_version::<of_another_name::Entity>(),
        named("rev no.", "i32")
    );
    assert_eq!(
        lock_version::<of_another_variant::Entity>(),
        named("revision", "i32")
    );
    assert_eq!(lock_version::<keyword::Entity>(), named("type", "i32"));
    assert_eq!(
        lock_version::<keyword_as_written::Entity>(),
        named("type", "i32")
    );
    assert_eq!(lock_version::<alias::Entity>(), named("revision", "i64"));
}

/// Independent of the order of the derives.
#[test]
fn the_archive_of_the_entity_is_declared() {
    let archive = dense::Entity::declared_archive().unwrap();
    assert_eq!(
        archive.archive_table,
        dense::Entity::declaration().archive_table
    );
    assert!(small::Entity::declared_archive().is_none());
}

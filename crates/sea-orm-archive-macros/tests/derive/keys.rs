//! The deleted entity has the primary key of the entity, and never generates its values.

use sea_orm::{DbBackend, EntityTrait, Iterable, PrimaryKeyTrait, QueryTrait};

macro_rules! entity {
    ($name:ident { $($(#[$key:meta])* $column:ident: $ty:ty),* }) => {
        mod $name {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = "rows")]
            pub struct Model {
                $($(#[$key])* pub $column: $ty,)*
                pub note: String,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(by_i32 {
    #[sea_orm(primary_key)]
    id: i32
});
entity!(by_i64 {
    #[sea_orm(primary_key)]
    id: i64
});
entity!(by_uuid {
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid
});
entity!(by_string {
    #[sea_orm(primary_key)]
    id: String
});
entity!(by_shared_sequence {
    #[sea_orm(
        primary_key,
        auto_increment = false,
        default_expr = "Expr::cust(\"nextval('ids')\")"
    )]
    id: i64
});
entity!(by_two {
    #[sea_orm(primary_key)]
    tenant: Uuid,
    #[sea_orm(primary_key)]
    number: i32
});
entity!(by_three {
    #[sea_orm(primary_key)]
    a: i32,
    #[sea_orm(primary_key)]
    b: String,
    #[sea_orm(primary_key)]
    c: Uuid
});

#[track_caller]
fn assert_key<E: EntityTrait>(
    key: <E::PrimaryKey as PrimaryKeyTrait>::ValueType,
    columns: usize,
    condition: &str,
) {
    assert!(!E::PrimaryKey::auto_increment());
    assert_eq!(E::PrimaryKey::iter().count(), columns);
    let statement = E::find_by_id(key).build(DbBackend::Postgres).to_string();
    assert!(statement.ends_with(condition), "{statement}");
}

#[test]
fn the_deleted_entity_has_the_key_of_one_column() {
    let uuid = sea_orm::prelude::Uuid::nil();
    assert_key::<by_i32::deleted::Entity>(1, 1, r#"WHERE "deleted_rows"."id" = 1"#);
    assert_key::<by_i64::deleted::Entity>(1, 1, r#"WHERE "deleted_rows"."id" = 1"#);
    assert_key::<by_shared_sequence::deleted::Entity>(1, 1, r#"WHERE "deleted_rows"."id" = 1"#);
    assert_key::<by_uuid::deleted::Entity>(
        uuid,
        1,
        r#"WHERE "deleted_rows"."id" = '00000000-0000-0000-0000-000000000000'"#,
    );
    assert_key::<by_string::deleted::Entity>(
        "a".to_owned(),
        1,
        r#"WHERE "deleted_rows"."id" = 'a'"#,
    );
}

#[test]
fn the_deleted_entity_has_the_key_of_several_columns() {
    let uuid = sea_orm::prelude::Uuid::nil();
    assert_key::<by_two::deleted::Entity>((uuid, 3), 2, r#""deleted_rows"."number" = 3"#);
    assert_key::<by_three::deleted::Entity>(
        (1, "b".to_owned(), uuid),
        3,
        r#""deleted_rows"."c" = '00000000-0000-0000-0000-000000000000'"#,
    );
}

//! The columns of the deleted entity have the definitions of the entity.

use sea_orm::{ColumnTrait, ColumnType, DbBackend, EntityTrait, Iterable, QueryFilter, QueryTrait};
use sea_orm_archive::Archivable;

use crate::shown::{added_columns, find};

/// Types that the module of the entity imports or names by relative paths.
mod types {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "status")]
    pub enum Status {
        #[sea_orm(string_value = "draft")]
        Draft,
        #[sea_orm(string_value = "published")]
        Published,
    }

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "i32", db_type = "Integer")]
    pub enum Level {
        #[sea_orm(num_value = 0)]
        Low,
        #[sea_orm(num_value = 1)]
        High,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
    pub struct Title(pub String);

    #[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
    pub struct UserId(pub i64);

    #[derive(
        Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, FromJsonQueryResult,
    )]
    pub struct Settings {
        pub dark: bool,
    }
}

mod everything {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    use super::types::{Settings, Status};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveValueType)]
    pub struct Slug(pub String);

    const NAME: u32 = 80;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "everything")]
    #[archive(deleted_by = "super::types::UserId")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub flag: bool,
        pub small: i16,
        pub single: f32,
        pub double: Option<f64>,
        #[sea_orm(column_type = "Decimal(Some((12, 2)))")]
        pub price: Decimal,
        #[sea_orm(column_type = "String(StringLen::N(self::NAME))")]
        pub name: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub body: Option<String>,
        pub bytes: Vec<u8>,
        pub uuid: Option<Uuid>,
        pub date: Date,
        pub time: Time,
        pub naive: DateTime,
        pub utc: DateTimeUtc,
        pub zoned: Option<DateTimeWithTimeZone>,
        pub json: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub jsonb: Option<Json>,
        #[sea_orm(column_type = "JsonBinary")]
        pub settings: Settings,
        pub status: Status,
        pub before: Option<super::types::Status>,
        pub level: super::types::Level,
        pub title: super::types::Title,
        pub slug: Option<self::Slug>,
        pub words: Vec<String>,
        pub numbers: Option<Vec<i32>>,
        pub states: Vec<super::types::Status>,
        #[sea_orm(column_name = "Odd Name")]
        pub odd_name: i32,
        pub r#type: String,
        #[sea_orm(enum_name = "Kind")]
        pub sort: String,
        #[sea_orm(
            column_type = "custom(\"citext\")",
            select_as = "text",
            save_as = "citext"
        )]
        pub email: String,
        #[sea_orm(ignore)]
        pub cached: Option<std::time::Duration>,
        #[sea_orm(unique, indexed, default_value = 3, comment = "how many")]
        pub count: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A module that imports only the names that the derives of SeaORM need.
mod bare {
    use sea_orm::{EntityTrait, EnumIter, PrimaryKeyTrait};

    /// A name with another meaning in the prelude.
    pub type Date = i32;

    #[derive(
        Clone, Debug, PartialEq, Eq, sea_orm::DeriveEntityModel, sea_orm_archive::DeriveArchive,
    )]
    #[sea_orm(table_name = "bare")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub date: Date,
    }

    #[derive(Copy, Clone, Debug, EnumIter, sea_orm::DeriveRelation)]
    pub enum Relation {}

    impl sea_orm::ActiveModelBehavior for ActiveModel {}

    use sea_orm::DerivePrimaryKey;
}

/// A module in which a name of SeaORM's prelude is another type.
mod shadowed {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    pub use super::types::Title as Date;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "shadowed")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub date: Date,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Active = <everything::Entity as EntityTrait>::Column;
type Deleted = <everything::deleted::Entity as EntityTrait>::Column;

#[test]
fn columns_have_the_same_type_and_nullability() {
    for (active, deleted_entity) in Active::iter().zip(Deleted::iter()) {
        let (active_def, deleted_entity_def) = (active.def(), deleted_entity.def());
        assert_eq!(
            active_def.get_column_type(),
            deleted_entity_def.get_column_type(),
            "{active:?}"
        );
        assert_eq!(
            active_def.is_null(),
            deleted_entity_def.is_null(),
            "{active:?}"
        );
        assert_eq!(
            active.enum_type_name(),
            deleted_entity.enum_type_name(),
            "{active:?}"
        );
        assert!(!deleted_entity_def.is_unique(), "{active:?}");
    }
}

#[test]
fn columns_have_the_same_names_and_ignored_fields_stay_ignored() {
    assert_eq!(
        added_columns::<everything::Entity>(),
        ["deleted_at", "deleted_by", "archival_id"]
    );
    let renamed = find::<everything::Entity>().replace("\"everything\"", "\"deleted_everything\"");
    let (columns, _) = renamed.split_once(" FROM ").unwrap();
    let statement = find::<everything::deleted::Entity>();
    assert!(statement.starts_with(columns), "{statement}");
    assert!(
        statement.contains(r#"CAST("deleted_everything"."email" AS text)"#),
        "{statement}"
    );
    assert!(!statement.contains("cached"), "{statement}");
}

#[test]
fn values_are_bound_like_those_of_the_entity() {
    let filter = |statement: &str| statement.split_once(" WHERE ").unwrap().1.to_owned();
    let active = everything::Entity::find()
        .filter(Active::Status.eq(types::Status::Draft))
        .filter(Active::Kind.eq("x"))
        .build(DbBackend::Postgres)
        .to_string();
    let deleted_entity = everything::deleted::Entity::find()
        .filter(Deleted::Status.eq(types::Status::Draft))
        .filter(Deleted::Kind.eq("x"))
        .build(DbBackend::Postgres)
        .to_string();
    assert_eq!(
        filter(&active).replace("everything", "deleted_everything"),
        filter(&deleted_entity)
    );
}

#[test]
fn deleted_by_has_the_type_of_the_attribute() {
    fn by<E: Archivable<DeletedBy = B>, B>() {}
    by::<everything::Entity, types::UserId>();
    by::<bare::Entity, i64>();
    assert!(Deleted::DeletedBy.def().is_null());
    assert_eq!(
        Deleted::DeletedBy.def().get_column_type(),
        &ColumnType::BigInteger
    );
    assert!(!Deleted::DeletedAt.def().is_null());
    assert!(!Deleted::ArchivalId.def().is_null());
}

#[test]
fn types_are_resolved_in_the_module_of_the_entity() {
    let deleted = shadowed::deleted::Model {
        id: 1,
        date: types::Title("2024".to_owned()),
        deleted_at: Default::default(),
        deleted_by: None,
        archival_id: 1,
    };
    assert_eq!(shadowed::Model::from(deleted).date.0, "2024");
    let deleted = bare::deleted::Model {
        id: 1,
        date: 2024,
        deleted_at: Default::default(),
        deleted_by: None,
        archival_id: 1,
    };
    assert_eq!(bare::Model::from(deleted).date, 2024);
}

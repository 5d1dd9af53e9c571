//! The names of the archive table and of its added columns.

use sea_orm::{DbBackend, QueryTrait};
use sea_orm_archive::Archivable;

use crate::shown::{added_columns, find};

mod renamed {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "Überweisung \"alt\"", rename_all = "camelCase")]
    #[archive(
        deleted_by = "String",
        table_name = "Gelöschte Überweisung",
        deleted_at_column = "Gelöscht am",
        archival_id_column = "vorgang"
    )]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub paid_at: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The entity has fields with the default names of the added columns.
mod taken {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "letters")]
    #[archive(
        deleted_at_column = "archived_at",
        deleted_by_column = "archived_by",
        archival_id_column = "archived_in"
    )]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub deleted_at: Option<DateTimeUtc>,
        pub deleted_by: Option<String>,
        #[sea_orm(column_name = "shelf")]
        pub archival_id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn renaming_an_added_column_does_not_rename_its_field() {
    let deleted = renamed::deleted::Model {
        id: 1,
        paid_at: Default::default(),
        deleted_at: Default::default(),
        deleted_by: Some("me".to_owned()),
        archival_id: 7,
    };
    assert_eq!(renamed::Model::from(deleted).id, 1);
}

#[test]
fn rename_all_does_not_rename_added_columns() {
    assert_eq!(
        added_columns::<renamed::Entity>(),
        ["Gelöscht am", "deleted_by", "vorgang"]
    );
    let added = renamed::Entity::declaration().added;
    assert_eq!(added.deleted_at, "Gelöscht am");
    assert_eq!(added.deleted_by, "deleted_by");
    assert_eq!(added.archival_id, "vorgang");
    assert_eq!(
        find::<renamed::deleted::Entity>(),
        r#"SELECT "Gelöschte Überweisung"."id", "Gelöschte Überweisung"."paidAt", "Gelöschte Überweisung"."Gelöscht am", "Gelöschte Überweisung"."deleted_by", "Gelöschte Überweisung"."vorgang" FROM "Gelöschte Überweisung""#
    );
}

#[test]
fn an_added_field_is_named_after_its_column_if_the_entity_has_the_default_field() {
    assert_eq!(
        added_columns::<taken::Entity>(),
        ["archived_at", "archived_by", "archived_in"]
    );
    let deleted = taken::deleted::Model {
        id: 1,
        deleted_at: None,
        deleted_by: None,
        archival_id: 2,
        archived_at: Default::default(),
        archived_by: Some(1),
        archived_in: 7,
    };
    assert_eq!(taken::Model::from(deleted).archival_id, 2);
}

#[test]
fn the_archival_is_joined_on_a_renamed_column() {
    use sea_orm::EntityTrait;
    let statement = taken::deleted::Entity::find()
        .find_also_related(sea_orm_archive::archival::Entity)
        .build(DbBackend::Postgres)
        .to_string();
    assert!(
        statement.ends_with(r#"ON "deleted_letters"."archived_in" = "archival"."id""#),
        "{statement}"
    );
}

//! The names of the deleted entity and of the columns it adds.

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

/// The entity means something of its own by every added name.
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
fn a_field_keeps_its_name_under_another_column_name() {
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
fn an_added_column_is_called_as_the_attribute_says_whatever_rename_all_does() {
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
fn a_field_that_the_entity_has_itself_is_called_after_its_column() {
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
fn the_ledger_is_found_through_a_renamed_column() {
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

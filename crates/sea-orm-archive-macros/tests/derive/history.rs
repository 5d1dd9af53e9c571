//! The columns that `DeriveHistory` declares, in every format and with renamed fields.

use sea_orm::prelude::{Date, DateTimeUtc};
use sea_orm::sea_query::Iden;
use sea_orm_archive::{History, HistoryColumns};

mod plain {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub name: String,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
        /// Has no meaning without the option.
        pub recorded_by: Option<i64>,
        pub recorded_from: DateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The compact format, with renamed fields and an identity of two fields.
mod renamed {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    pub type Noted = DateTimeUtc;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "preise", rename_all = "camelCase")]
    #[history(identity("tenant_id", "type",), valid_from = "since")]
    #[history(valid_to = "self_", recorded_by = "r#fn", bitemporal)]
    #[history(recorded_from = "noted", recorded_to = "revised")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant_id: i32,
        #[sea_orm(primary_key, auto_increment = false, column_name = "Art")]
        pub r#type: String,
        #[sea_orm(primary_key, auto_increment = false, enum_name = "From")]
        pub since: Date,
        #[sea_orm(column_name = "bis")]
        pub self_: std::option::Option<self::Date>,
        pub price_in_cents: i64,
        pub r#fn: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub noted: Noted,
        pub revised: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Relation fields over a hand-written `Relation`, with an archive and a history.
mod over_relation {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveHistory};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveHistory)]
    #[sea_orm(table_name = "shelf_history")]
    #[archive(deleted_by = "i64")]
    #[history(identity = "shelf_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shelf_id: Uuid,
        #[sea_orm(relation_enum = "Shelf")]
        pub shelf: BelongsTo<super::shelf::Entity>,
        pub valid_from: DateTimeWithTimeZone,
        pub valid_to: Option<DateTimeWithTimeZone>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::shelf::Entity",
            from = "Column::ShelfId",
            to = "super::shelf::Column::Id"
        )]
        Shelf,
    }

    impl Related<super::shelf::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Shelf.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod shelf {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shelves")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A model from a macro: its types and names are in groups without delimiters.
mod from_a_macro {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    macro_rules! history {
        ($identity:literal, $id:ty, $time:ty, $end:ty) => {
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveHistory)]
            #[sea_orm(table_name = "history")]
            #[history(identity($identity))]
            pub struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                pub item_id: $id,
                pub valid_from: $time,
                pub valid_to: $end,
            }
        };
    }

    history!("item_id", i64, DateTimeUtc, Option<DateTimeUtc>);

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A module in which names of the expansion have another meaning.
mod shadowed {
    use sea_orm::entity::prelude::{
        ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait,
        EnumIter, PrimaryKeyTrait,
    };

    pub type DateTimeUtc = sea_orm::prelude::Date;

    #[allow(dead_code)]
    struct History;
    #[allow(dead_code)]
    struct HistoryColumns;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, sea_orm_archive::DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history(identity = "item_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub item_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<self::DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The columns with a meaning, in the order of the struct.
fn columns<E: History>() -> Vec<String> {
    let HistoryColumns {
        identity,
        valid_from,
        valid_to,
        recorded_by,
        recorded,
    } = E::columns();
    let name = |column: E::Column| column.unquoted().to_owned();
    let mut columns: Vec<String> = identity.into_iter().map(name).collect();
    columns.push(format!("[{}, {})", name(valid_from), name(valid_to)));
    columns.extend(recorded_by.map(|by| format!("by {}", name(by))));
    columns
        .extend(recorded.map(|known| format!("known [{}, {})", name(known.from), name(known.to))));
    columns
}

/// The test is that calls of this compile.
fn assert_types<E: History<Identity = I, Time = T>, I, T>() {}

#[test]
fn fields_are_found_by_their_default_names() {
    assert_types::<plain::Entity, i64, DateTimeUtc>();
    assert_eq!(
        columns::<plain::Entity>(),
        ["department_id", "[valid_from, valid_to)"]
    );
}

#[test]
fn options_name_fields_not_columns() {
    assert_types::<renamed::Entity, (i32, String), Date>();
    assert_eq!(
        columns::<renamed::Entity>(),
        [
            "tenantId",
            "Art",
            "[since, bis)",
            "by fn",
            "known [noted, revised)"
        ]
    );
}

#[test]
fn an_entity_can_have_an_archive_and_a_history() {
    use sea_orm::prelude::{DateTimeWithTimeZone, Uuid};

    assert_types::<over_relation::Entity, Uuid, DateTimeWithTimeZone>();
    assert_eq!(
        columns::<over_relation::Entity>(),
        ["shelf_id", "[valid_from, valid_to)"]
    );
    assert_eq!(
        crate::shown::added_columns::<over_relation::Entity>(),
        ["deleted_at", "deleted_by", "archival_id"]
    );
}

#[test]
fn the_model_can_come_from_a_macro() {
    assert_types::<from_a_macro::Entity, i64, DateTimeUtc>();
    assert_eq!(
        columns::<from_a_macro::Entity>(),
        ["item_id", "[valid_from, valid_to)"]
    );
}

#[test]
fn names_are_resolved_in_the_module_of_the_entity() {
    assert_types::<shadowed::Entity, i64, Date>();
    assert_eq!(
        columns::<shadowed::Entity>(),
        ["item_id", "[valid_from, valid_to)"]
    );
}

//! Tables whose keys and columns are of types that PostgreSQL compares by an operator of another type: a varchar as
//! text, an enum as any enum, a name, a citext.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "mood")]
pub enum Mood {
    #[sea_orm(string_value = "sad")]
    Sad,
    #[sea_orm(string_value = "happy")]
    Happy,
}

/// A tree of codes with parts below them, labels with detach edges, and locks that block.
pub mod code {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::{DeriveArchive, DeriveOptimisticLock};

    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive, DeriveOptimisticLock,
    )]
    #[sea_orm(table_name = "codes")]
    #[archive(
        deleted_by = "String",
        cascade(Entity, via_rel = "Parent"),
        cascade(super::part::Entity),
        detach(super::label::Entity)
    )]
    #[optimistic_lock(field = "version")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub parent_id: Option<String>,
        pub title: String,
        pub feeling: super::Mood,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "Entity", from = "Column::ParentId", to = "Column::Id")]
        Parent,
        #[sea_orm(has_many = "super::part::Entity")]
        Parts,
        #[sea_orm(has_many = "super::label::Entity")]
        Labels,
    }

    impl Related<super::part::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Parts.def()
        }
    }

    impl Related<super::label::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Labels.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

macro_rules! below_a_code {
    ($module:ident, $table:literal, $key:ty, $code_id:ty) => {
        pub mod $module {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            #[archive(deleted_by = "String")]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $key,
                pub code_id: $code_id,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {
                #[sea_orm(
                    belongs_to = "super::code::Entity",
                    from = "Column::CodeId",
                    to = "super::code::Column::Id"
                )]
                Code,
            }

            impl Related<super::code::Entity> for Entity {
                fn to() -> RelationDef {
                    Relation::Code.def()
                }
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

below_a_code!(part, "parts", super::Mood, String);
below_a_code!(label, "labels", String, Option<String>);

macro_rules! alone {
    ($module:ident, $table:literal, $key:ty) => {
        pub mod $module {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub id: $key,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

alone!(number, "numbers", i32);
alone!(office, "offices", String);

/// Read as text: for an unknown type the driver queries the catalog, with a statement that is not qualified.
pub mod email {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "emails")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false, select_as = "text")]
        pub id: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Versions of places, whose identity is a varchar.
pub mod place_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "place_history")]
    #[history(identity = "place_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub place_id: String,
        pub name: String,
        pub feeling: super::Mood,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Versions of moods, of days and with transaction time.
pub mod mood_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "mood_history")]
    #[history(identity = "mood_id", recorded_by = "recorded_by", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub mood_id: super::Mood,
        pub name: String,
        pub valid_from: Date,
        pub valid_to: Option<Date>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
        pub recorded_by: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Refers to the version of a place that was valid at a time.
pub mod stay {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "stays")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub place_id: String,
        pub since: DateTimeUtc,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

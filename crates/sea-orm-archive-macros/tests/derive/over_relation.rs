//! `#[sea_orm::compact_model]`: relation fields over a hand-written `Relation`.

use crate::shown::edges;

mod shelf {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "shelves")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[archive(cascade)]
        pub books: HasMany<super::book::Entity>,
        #[sea_orm(relation_enum = "Borrowed")]
        #[archive(detach)]
        pub borrowed: HasMany<super::book::Entity>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(has_many = "super::book::Entity")]
        Book,
        #[sea_orm(has_many = "super::book::Entity", via_rel = "Relation::BorrowedFrom")]
        Borrowed,
    }

    impl Related<super::book::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Book.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod book {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "books")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shelf_id: i64,
        pub borrowed_from: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::shelf::Entity",
            from = "Column::ShelfId",
            to = "super::shelf::Column::Id"
        )]
        Shelf,
        #[sea_orm(
            belongs_to = "super::shelf::Entity",
            from = "Column::BorrowedFrom",
            to = "super::shelf::Column::Id"
        )]
        BorrowedFrom,
    }

    impl Related<super::shelf::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Shelf.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn a_field_declares_the_foreign_key_of_its_relation() {
    assert_eq!(
        edges::<shelf::Entity>(),
        [
            r#"books: cascade "books"(shelf_id) -> (id)"#,
            r#"borrowed: detach "books"(borrowed_from) -> (id)"#,
        ]
    );
}

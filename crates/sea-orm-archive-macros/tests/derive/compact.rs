//! `DeriveEntityModel` with a hand-written `Relation`: policies are on the struct.

use crate::shown::{added_columns, edges, find};

mod author {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "authors")]
    #[archive(
        deleted_by = "Uuid",
        cascade(super::post::Entity, via_rel = "Author"),
        detach(super::post::Entity, via_rel = "Editor")
    )]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "blog", table_name = "posts")]
    #[archive(cascade(super::comment::Entity, super::post_tag::Entity))]
    #[archive(detach(super::attachment::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: Uuid,
        pub editor_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::AuthorId",
            to = "super::author::Column::Id"
        )]
        Author,
        #[sea_orm(
            belongs_to = "super::author::Entity",
            from = "Column::EditorId",
            to = "super::author::Column::Id"
        )]
        Editor,
        #[sea_orm(has_many = "super::comment::Entity")]
        Comment,
    }

    impl Related<super::comment::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Comment.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "comments")]
    #[archive(cascade(Entity, via_rel = "Parent"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub parent_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::PostId",
            to = "super::post::Column::Id"
        )]
        Post,
        #[sea_orm(belongs_to = "Entity", from = "Column::ParentId", to = "Column::Id")]
        Parent,
    }

    impl Related<super::post::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Post.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod attachment {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "attachments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::PostId",
            to = "super::post::Column::Id"
        )]
        Post,
    }

    impl Related<super::post::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Post.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "tags")]
    #[archive(cascade(super::post_tag::Entity))]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl Related<super::post::Entity> for Entity {
        fn to() -> RelationDef {
            super::post_tag::Relation::Post.def()
        }
        fn via() -> Option<RelationDef> {
            Some(super::post_tag::Relation::Tag.def().rev())
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post_tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "post_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub post_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag_code: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "super::post::Entity",
            from = "Column::PostId",
            to = "super::post::Column::Id"
        )]
        Post,
        #[sea_orm(
            belongs_to = "super::tag::Entity",
            from = "Column::TagCode",
            to = "super::tag::Column::Code"
        )]
        Tag,
    }

    impl Related<super::post::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Post.def()
        }
    }

    impl Related<super::tag::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Tag.def()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A tree with both directions of its relation. A policy can name either.
mod category {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "categories")]
    #[archive(cascade(Entity, via_rel = "Children"))]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub parent: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "Entity",
            from = "(Column::Shop, Column::Parent)",
            to = "(Column::Shop, Column::Name)"
        )]
        Parent,
        #[sea_orm(has_many = "Entity", via_rel = "Relation::Parent")]
        Children,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn a_child_named_by_its_path_declares_its_foreign_key() {
    assert_eq!(
        edges::<post::Entity>(),
        [
            r#"super::comment::Entity: cascade "comments"(post_id) -> (id)"#,
            r#"super::post_tag::Entity: cascade "post_tags"(post_id) -> (id)"#,
            r#"super::attachment::Entity: detach "attachments"(post_id) -> (id)"#,
        ]
    );
}

#[test]
fn a_junction_is_named_like_any_child() {
    assert_eq!(
        edges::<tag::Entity>(),
        [r#"super::post_tag::Entity: cascade "post_tags"(tag_code) -> (code)"#]
    );
}

#[test]
fn via_rel_distinguishes_two_foreign_keys() {
    assert_eq!(
        edges::<author::Entity>(),
        [
            r#"Author: cascade "blog"."posts"(author_id) -> (id)"#,
            r#"Editor: detach "blog"."posts"(editor_id) -> (id)"#,
        ]
    );
}

#[test]
fn via_rel_names_the_foreign_key_of_a_tree() {
    assert_eq!(
        edges::<comment::Entity>(),
        [r#"Parent: cascade "comments"(parent_id) -> (id)"#]
    );
    assert_eq!(
        edges::<category::Entity>(),
        [r#"Children: cascade "categories"(shop, parent) -> (shop, name)"#]
    );
}

#[test]
fn the_deleted_entity_adds_three_columns() {
    assert_eq!(
        added_columns::<author::Entity>(),
        ["deleted_at", "deleted_by", "archival_id"]
    );
    assert_eq!(
        find::<author::deleted::Entity>(),
        r#"SELECT "deleted_authors"."id", "deleted_authors"."name", "deleted_authors"."deleted_at", "deleted_authors"."deleted_by", "deleted_authors"."archival_id" FROM "deleted_authors""#
    );
}

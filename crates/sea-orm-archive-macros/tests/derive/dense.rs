//! `#[sea_orm::model]`: policies are on the relation fields.

use sea_orm::{DbBackend, EntityTrait, ModelTrait, QueryTrait};
use sea_orm_archive::{Archivable, archival};

use crate::shown::{added_columns, edges, find};

mod author {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "authors")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        #[sea_orm(has_many, relation_enum = "Written", via_rel = "Author")]
        #[archive(cascade)]
        pub written: HasMany<super::post::Entity>,
        #[sea_orm(has_many, relation_enum = "Edited", via_rel = "Editor")]
        #[archive(detach)]
        pub edited: HasMany<super::post::Entity>,
        #[sea_orm(self_ref, via = "follow", from = "Follower", to = "Followed")]
        #[archive(cascade)]
        pub follows: HasMany<Entity>,
        #[sea_orm(self_ref, via = "follow", reverse)]
        #[archive(cascade)]
        pub followers: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod follow {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "follows")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub follower_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub followed_id: i64,
        #[sea_orm(
            belongs_to,
            relation_enum = "Follower",
            from = "follower_id",
            to = "id"
        )]
        pub follower: BelongsTo<super::author::Entity>,
        #[sea_orm(
            belongs_to,
            relation_enum = "Followed",
            from = "followed_id",
            to = "id"
        )]
        pub followed: BelongsTo<super::author::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "blog", table_name = "posts")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub title: String,
        #[sea_orm(unique_key = "author_slug", indexed, default_value = "untitled")]
        pub slug: String,
        #[sea_orm(unique_key = "author_slug")]
        pub author_id: i64,
        pub editor_id: Option<i64>,
        #[sea_orm(belongs_to, relation_enum = "Author", from = "author_id", to = "id")]
        pub author: BelongsTo<super::author::Entity>,
        #[sea_orm(belongs_to, relation_enum = "Editor", from = "editor_id", to = "id")]
        pub editor: BelongsTo<Option<super::author::Entity>>,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub comments: HasMany<super::comment::Entity>,
        #[sea_orm(has_one)]
        #[archive(restrict)]
        pub invoice: HasOne<super::invoice::Entity>,
        #[sea_orm(has_many, via = "post_tag")]
        #[archive(cascade)]
        pub tags: HasMany<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod comment {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(schema_name = "blog", table_name = "comments")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        pub parent_id: Option<i64>,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
        #[sea_orm(
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Replies",
            from = "parent_id",
            to = "id"
        )]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Replies", relation_reverse = "Parent")]
        #[archive(cascade)]
        pub replies: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Not archivable: only a cascade needs an archivable child.
mod invoice {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "billing", table_name = "invoices")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub post_id: i64,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub code: String,
        #[sea_orm(has_many, via = "post_tag::Tag")]
        #[archive(cascade)]
        pub posts: HasMany<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post_tag {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "post_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub post_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag_code: String,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
        #[sea_orm(belongs_to, from = "tag_code", to = "code")]
        pub tag: BelongsTo<super::tag::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A tree as `sea-orm-cli` writes it: only the side with the foreign key is a relation field.
mod employee {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "employee")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub employee_id: i32,
        pub reports_to: Option<i32>,
        #[sea_orm(
            self_ref,
            relation_enum = "SelfRef",
            from = "reports_to",
            to = "employee_id"
        )]
        #[archive(detach)]
        pub employee: BelongsTo<Option<Entity>>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Policies on the struct, as in the compact format.
mod crate_of_wine {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "crates")]
    #[archive(cascade(Entity, via_rel = "Outer"), restrict(super::invoice::Entity))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub outer_id: Option<i64>,
        #[sea_orm(self_ref, relation_enum = "Outer", from = "outer_id", to = "id")]
        pub outer: BelongsTo<Option<Entity>>,
    }

    impl Related<Entity> for super::invoice::Entity {
        fn to() -> RelationDef {
            super::invoice::Entity::belongs_to(Entity)
                .from(super::invoice::Column::Id)
                .to(Column::Id)
                .into()
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[test]
fn a_relation_field_declares_its_foreign_key() {
    assert_eq!(
        edges::<post::Entity>(),
        [
            r#"comments: cascade "blog"."comments"(post_id) -> (id)"#,
            r#"invoice: restrict "billing"."invoices"(post_id) -> (id)"#,
            r#"tags: cascade "post_tags"(post_id) -> (id)"#,
        ]
    );
}

#[test]
fn a_many_to_many_relation_declares_the_foreign_key_of_the_junction() {
    assert_eq!(
        edges::<tag::Entity>(),
        [r#"posts: cascade "post_tags"(tag_code) -> (code)"#]
    );
}

#[test]
fn two_relations_to_one_entity_are_two_foreign_keys() {
    assert_eq!(
        edges::<author::Entity>()[..2],
        [
            r#"written: cascade "blog"."posts"(author_id) -> (id)"#,
            r#"edited: detach "blog"."posts"(editor_id) -> (id)"#,
        ]
    );
}

#[test]
fn a_many_to_many_relation_to_itself_has_two_foreign_keys() {
    assert_eq!(
        edges::<author::Entity>()[2..],
        [
            r#"follows: cascade "follows"(follower_id) -> (id)"#,
            r#"followers: cascade "follows"(followed_id) -> (id)"#,
        ]
    );
}

#[test]
fn the_children_in_a_tree_are_the_same_from_both_sides_of_the_relation() {
    assert_eq!(
        edges::<comment::Entity>(),
        [r#"replies: cascade "blog"."comments"(parent_id) -> (id)"#]
    );
    assert_eq!(
        edges::<employee::Entity>(),
        [r#"employee: detach "employee"(reports_to) -> (employee_id)"#]
    );
}

#[test]
fn policies_on_the_struct_work_in_the_dense_format() {
    assert_eq!(
        edges::<crate_of_wine::Entity>(),
        [
            r#"Outer: cascade "crates"(outer_id) -> (id)"#,
            r#"super::invoice::Entity: restrict "billing"."invoices"(id) -> (id)"#,
        ]
    );
}

#[test]
fn the_deleted_entity_adds_three_columns() {
    assert_eq!(
        added_columns::<post::Entity>(),
        ["deleted_at", "deleted_by", "archival_id"]
    );
    assert_eq!(
        find::<post::deleted::Entity>(),
        r#"SELECT "deleted_posts"."id", "deleted_posts"."title", "deleted_posts"."slug", "deleted_posts"."author_id", "deleted_posts"."editor_id", "deleted_posts"."deleted_at", "deleted_posts"."deleted_by", "deleted_posts"."archival_id" FROM "blog"."deleted_posts""#
    );
}

#[test]
fn the_deleted_entity_is_related_to_its_archival() {
    let statement = tag::deleted::Entity::find()
        .inner_join(archival::Entity)
        .build(DbBackend::Postgres)
        .to_string();
    assert!(
        statement.ends_with(
            r#"INNER JOIN "archive"."archival" ON "deleted_tags"."archival_id" = "archival"."id""#
        ),
        "{statement}"
    );
    let deleted = tag::deleted::Model {
        code: "rust".to_owned(),
        deleted_at: Default::default(),
        deleted_by: Some(1),
        archival_id: 7,
    };
    let statement = deleted
        .find_related(archival::Entity)
        .build(DbBackend::Postgres)
        .to_string();
    assert!(
        statement.ends_with(r#"WHERE "deleted_tags"."code" = 'rust'"#),
        "{statement}"
    );
    assert_eq!(tag::Model::from(deleted).code, "rust");
}

#[test]
fn the_declaration_names_both_tables() {
    let declaration = post::Entity::declaration();
    assert_eq!(declaration.table.quoted(), r#""blog"."posts""#);
    assert_eq!(
        declaration.archive_table.quoted(),
        r#""blog"."deleted_posts""#
    );
}

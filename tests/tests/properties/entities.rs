//! Groups in a tree; items of a group; parts of an item, of a group too, or of both; tags, which items
//! share. Watchers keep a part from being archived.

macro_rules! entity {
    ($module:ident, $table:literal, { $($fields:tt)* }) => {
        pub mod $module {
            use sea_orm::entity::prelude::*;
            use sea_orm_archive::DeriveArchive;

            #[sea_orm::model]
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($fields)*
            }

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(group, "groups", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub group_id: Option<i64>,
    pub content: i32,
    #[sea_orm(self_ref, relation_enum = "Parent", from = "group_id", to = "id")]
    #[archive(cascade)]
    pub group: BelongsTo<Option<Entity>>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub items: HasMany<super::item::Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub parts: HasMany<super::part::Entity>,
});

entity!(item, "items", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub group_id: i64,
    pub content: i32,
    pub slug: i32,
    #[sea_orm(belongs_to, from = "group_id", to = "id")]
    pub group: BelongsTo<super::group::Entity>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub parts: HasMany<super::part::Entity>,
    #[sea_orm(has_many, via = "item_tag")]
    #[archive(cascade)]
    pub tags: HasMany<super::tag::Entity>,
});

entity!(part, "parts", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub item_id: Option<i64>,
    pub group_id: Option<i64>,
    pub content: i32,
    #[sea_orm(belongs_to, from = "item_id", to = "id")]
    pub item: BelongsTo<Option<super::item::Entity>>,
    #[sea_orm(belongs_to, from = "group_id", to = "id")]
    pub group: BelongsTo<Option<super::group::Entity>>,
});

entity!(tag, "tags", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub content: i32,
    #[sea_orm(has_many, via = "item_tag")]
    #[archive(cascade)]
    pub items: HasMany<super::item::Entity>,
});

entity!(item_tag, "item_tags", {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub item_id: i64,
    pub tag_id: i64,
    pub content: i32,
    #[sea_orm(belongs_to, from = "item_id", to = "id")]
    pub item: BelongsTo<super::item::Entity>,
    #[sea_orm(belongs_to, from = "tag_id", to = "id")]
    pub tag: BelongsTo<super::tag::Entity>,
});

#[automatically_derived]
impl ::sea_orm_archive::Archivable for Entity {
    type Deleted = deleted::Entity;
    type DeletedBy = i64;
    fn declaration() -> ::sea_orm_archive::Declaration {
        ::sea_orm_archive::Declaration::of::<Self>()
            .edge(
                ::sea_orm_archive::DeclaredEdge::cascade::<
                    super::comment::Entity,
                >(
                    "comments",
                    ::sea_orm_archive::__private::sea_orm::RelationTrait::def(
                        &Relation::Comment,
                    ),
                ),
            )
            .edge(
                ::sea_orm_archive::DeclaredEdge::detach(
                    "attachments",
                    ::sea_orm_archive::__private::sea_orm::RelationTrait::def(
                        &Relation::Attachment,
                    ),
                ),
            )
            .edge(
                ::sea_orm_archive::DeclaredEdge::cascade::<
                    super::post_tag::Entity,
                >(
                    "tags",
                    <super::post_tag::Entity as ::sea_orm_archive::__private::sea_orm::Related<
                        Self,
                    >>::to(),
                ),
            )
    }
}
#[automatically_derived]
impl ::core::convert::From<deleted::Model> for Model {
    fn from(deleted: deleted::Model) -> Self {
        Self {
            id: deleted.id,
            slug: deleted.slug,
            body: deleted.body,
        }
    }
}
/// The deleted entity: every column of the entity, and when, by whom and in which archival
/// the row was archived.
#[allow(missing_docs)]
pub mod deleted {
    #[allow(unused_imports)]
    use super::*;
    #[allow(unused_imports)]
    use ::sea_orm_archive::__private::sea_orm::{
        self,
        entity::prelude::{
            ActiveModelBehavior, ColumnTrait, DeriveEntityModel, DerivePrimaryKey,
            DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait, Related, RelationDef,
            RelationTrait,
        },
    };
    /// A row of the archive table.
    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "deleted_posts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub slug: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub body: Option<Json>,
        /// When the row was archived.
        pub deleted_at: sea_orm::prelude::DateTimeUtc,
        /// Who archived it.
        pub deleted_by: Option<i64>,
        /// The archival that the row belongs to.
        pub archival_id: i64,
    }
    /// A deleted row belongs to the archival that archived it.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(
            belongs_to = "::sea_orm_archive::archival::Entity",
            from = "Column::ArchivalId",
            to = "::sea_orm_archive::archival::Column::Id",
            skip_fk
        )]
        Archival,
    }
    impl Related<::sea_orm_archive::archival::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Archival.def()
        }
    }
    impl ActiveModelBehavior for ActiveModel {}
    #[automatically_derived]
    impl ::sea_orm_archive::Restorable for Entity {
        type Active = super::Entity;
    }
    #[automatically_derived]
    impl ::core::cmp::PartialEq for Model
    where
        for<'a> super::Model: ::core::cmp::PartialEq,
        for<'a> i64: ::core::cmp::PartialEq,
    {
        fn eq(&self, other: &Self) -> bool {
            self.deleted_at == other.deleted_at && self.deleted_by == other.deleted_by
                && self.archival_id == other.archival_id
                && <super::Model as ::core::cmp::PartialEq>::eq(
                    &super::Model::from(self.clone()),
                    &super::Model::from(other.clone()),
                )
        }
    }
    #[automatically_derived]
    impl ::core::cmp::Eq for Model
    where
        for<'a> super::Model: ::core::cmp::Eq,
        for<'a> i64: ::core::cmp::Eq,
    {}
    #[derive(
        ::sea_orm_archive::__private::serde::Serialize,
        ::sea_orm_archive::__private::serde::Deserialize,
    )]
    #[serde(crate = "::sea_orm_archive::__private::serde")]
    struct WithAdded<M, B> {
        #[serde(flatten)]
        row: M,
        deleted_at: sea_orm::prelude::DateTimeUtc,
        deleted_by: ::core::option::Option<B>,
        archival_id: i64,
    }
    #[automatically_derived]
    impl ::sea_orm_archive::__private::serde::Serialize for Model
    where
        for<'a> super::Model: ::sea_orm_archive::__private::serde::Serialize,
        for<'a> i64: ::sea_orm_archive::__private::serde::Serialize,
    {
        fn serialize<S>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error>
        where
            S: ::sea_orm_archive::__private::serde::Serializer,
        {
            let row = super::Model::from(self.clone());
            ::sea_orm_archive::__private::serde::Serialize::serialize(
                &WithAdded {
                    row,
                    deleted_at: self.deleted_at.clone(),
                    deleted_by: self.deleted_by.clone(),
                    archival_id: self.archival_id.clone(),
                },
                serializer,
            )
        }
    }
    #[automatically_derived]
    impl<'de> ::sea_orm_archive::__private::serde::Deserialize<'de> for Model
    where
        super::Model: ::sea_orm_archive::__private::serde::Deserialize<'de>,
        i64: ::sea_orm_archive::__private::serde::Deserialize<'de>,
    {
        fn deserialize<D>(deserializer: D) -> ::core::result::Result<Self, D::Error>
        where
            D: ::sea_orm_archive::__private::serde::Deserializer<'de>,
        {
            let WithAdded {
                row,
                deleted_at,
                deleted_by,
                archival_id,
            }: WithAdded<super::Model, i64> = ::sea_orm_archive::__private::serde::Deserialize::deserialize(
                deserializer,
            )?;
            ::core::result::Result::Ok(Self {
                id: row.id,
                slug: row.slug,
                body: row.body,
                deleted_at,
                deleted_by,
                archival_id,
            })
        }
    }
}

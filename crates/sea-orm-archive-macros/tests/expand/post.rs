#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
#[sea_orm(table_name = "posts")]
#[archive(deleted_by = "i64")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub slug: String,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub body: Option<Json>,
    #[sea_orm(has_many)]
    #[archive(cascade)]
    pub comments: HasMany<super::comment::Entity>,
    #[sea_orm(has_many)]
    #[archive(detach)]
    pub attachments: HasMany<super::attachment::Entity>,
    #[sea_orm(has_many, via = "post_tag")]
    #[archive(cascade)]
    pub tags: HasMany<super::tag::Entity>,
}

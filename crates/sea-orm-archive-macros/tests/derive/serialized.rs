//! `deleted::Model` is serialized like the Model, with the added columns as additional fields.

use sea_orm_archive::DeriveArchive;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

mod post {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize, DeriveArchive,
    )]
    #[sea_orm(table_name = "posts")]
    #[serde(rename_all = "camelCase")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[serde(rename = "heading")]
        pub title: String,
        pub author_id: i64,
        #[serde(skip)]
        pub secret: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub note: Option<String>,
        #[sea_orm(has_many)]
        pub drafts: HasMany<super::draft::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod draft {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    #[sea_orm::model]
    #[derive(
        Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, serde::Deserialize, DeriveArchive,
    )]
    #[sea_orm(table_name = "drafts")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub post_id: i64,
        #[sea_orm(belongs_to, from = "post_id", to = "id")]
        pub post: BelongsTo<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Has `Serialize` but not `Deserialize`.
mod report {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    #[derive(Clone, Debug, DeriveEntityModel, Serialize, DeriveArchive)]
    #[sea_orm(table_name = "reports")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn deleted() -> post::deleted::Model {
    post::deleted::Model {
        id: 1,
        title: "Hello".to_owned(),
        author_id: 2,
        secret: None,
        note: None,
        deleted_at: Default::default(),
        deleted_by: Some(3),
        archival_id: 4,
    }
}

#[test]
fn the_serde_attributes_of_the_model_apply() {
    assert_eq!(
        serde_json::to_value(deleted()).unwrap(),
        json!({
            "id": 1,
            "heading": "Hello",
            "authorId": 2,
            "deletedAt": "1970-01-01T00:00:00Z",
            "deletedBy": 3,
            "archivalId": 4,
        })
    );
}

#[test]
fn serialized_rows_can_be_deserialized() {
    let text = serde_json::to_string(&deleted()).unwrap();
    assert_eq!(
        serde_json::from_str::<post::deleted::Model>(&text).unwrap(),
        deleted()
    );
}

#[test]
fn deleted_rows_have_the_serde_traits_of_the_model() {
    fn both<T: Serialize + DeserializeOwned>() {}
    fn serialize<T: Serialize>() {}
    both::<post::deleted::Model>();
    both::<draft::deleted::Model>();
    serialize::<report::deleted::Model>();
}

#[test]
fn a_deleted_row_converts_into_the_model() {
    let row = post::Model::from(deleted());
    assert_eq!(row.into_ex().title, "Hello");
}

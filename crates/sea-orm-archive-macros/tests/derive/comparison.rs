//! `deleted::Model` has `PartialEq` and `Eq` exactly if the Model has them.

use sea_orm_archive::DeriveArchive;

mod eq {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "rows")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod partial {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "rows")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub weight: f64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The test is that this compiles: only the traits that SeaORM requires, and a `ModelEx`, which
/// SeaORM makes comparable with the Model.
mod neither {
    use super::DeriveArchive;
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "rows")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn row(name: &str, archival_id: i64) -> eq::deleted::Model {
    eq::deleted::Model {
        id: 1,
        name: name.to_owned(),
        deleted_at: Default::default(),
        deleted_by: Some(2),
        archival_id,
    }
}

#[test]
fn comparison_covers_the_columns_of_the_entity_and_the_added_ones() {
    assert_eq!(row("a", 1), row("a", 1));
    assert_ne!(row("a", 1), row("b", 1));
    assert_ne!(row("a", 1), row("a", 2));
}

#[test]
fn deleted_rows_are_comparable_if_the_model_is() {
    fn eq<T: Eq>() {}
    fn partial_eq<T: PartialEq>() {}
    eq::<eq::deleted::Model>();
    partial_eq::<partial::deleted::Model>();
    let _ = neither::deleted::Entity;
}

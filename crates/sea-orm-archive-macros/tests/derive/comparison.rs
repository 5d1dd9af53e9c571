//! An deleted entity compares exactly where its Model does.

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

/// That this compiles is the test: no trait but what SeaORM asks for, and `ModelEx`, which SeaORM
/// lets a Model be compared with.
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
fn rows_are_equal_in_the_columns_of_the_entity_and_the_added_ones() {
    assert_eq!(row("a", 1), row("a", 1));
    assert_ne!(row("a", 1), row("b", 1));
    assert_ne!(row("a", 1), row("a", 2));
}

#[test]
fn a_deleted_entity_is_eq_where_its_model_is() {
    fn eq<T: Eq>() {}
    fn partial_eq<T: PartialEq>() {}
    eq::<eq::deleted::Model>();
    partial_eq::<partial::deleted::Model>();
    let _ = neither::deleted::Entity;
}

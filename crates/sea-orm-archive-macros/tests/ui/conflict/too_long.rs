mod by_default {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "a_table_whose_name_is_so_long_that_no_prefix_can_go_before_it")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod given {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "posts")]
    #[archive(table_name = "a_table_whose_name_is_so_long_that_no_prefix_can_go_before_it_anywhere", deleted_at_column = "a_table_whose_name_is_so_long_that_no_prefix_can_go_before_it_anywhere")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

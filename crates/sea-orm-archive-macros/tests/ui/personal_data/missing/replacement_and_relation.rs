mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(person)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(identifying)]
        pub name: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod b {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(delete_rows)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(null)]
        pub name: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod c {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(person)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(null, of = "author")]
        pub name: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

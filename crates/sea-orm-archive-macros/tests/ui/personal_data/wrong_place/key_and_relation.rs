mod a {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(person)]
    pub struct Model {
        #[sea_orm(primary_key)]
        #[personal_data(pseudonym)]
        pub id: i64,
        #[sea_orm(ignore)]
        #[personal_data(null)]
        pub seen: Option<i64>,
        #[sea_orm(has_many)]
        #[personal_data(belongs_to)]
        pub posts: HasMany<super::post::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod post {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "posts")]
    #[personal_data(is_actor)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub author_id: i64,
        #[sea_orm(belongs_to, from = "author_id", to = "id")]
        #[personal_data(person)]
        pub author: BelongsTo<super::a::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod c {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DerivePersonalData;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DerivePersonalData)]
    #[sea_orm(table_name = "users")]
    #[personal_data(is_actor, belongs_to = "1 a")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[personal_data(null)]
        pub name: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

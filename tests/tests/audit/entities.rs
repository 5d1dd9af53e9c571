//! The entities of the shop.

pub mod customer {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "customers")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub email: String,
        pub name: Option<String>,
        pub password: String,
        pub seen_at: Option<DateTimeUtc>,
        #[sea_orm(column_type = "Decimal(Some((10, 2)))")]
        pub balance: Decimal,
        pub joined: DateTimeUtc,
        #[sea_orm(has_many)]
        #[archive(cascade)]
        pub orders: HasMany<super::order::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod order {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveArchive;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, DeriveArchive)]
    #[sea_orm(table_name = "orders")]
    #[archive(deleted_by = "i64")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub customer_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub total: f64,
        #[sea_orm(belongs_to, from = "customer_id", to = "id")]
        pub customer: HasOne<super::customer::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod word {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod value {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history = "department_id"]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod brackets {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history[identity = "department_id"]]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod string {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history("department_id",, ::identity)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod empty {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history()]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn main() {}

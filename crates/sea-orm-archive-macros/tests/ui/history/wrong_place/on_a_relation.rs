use sea_orm::entity::prelude::*;

mod department_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "history")]
    #[history(identity = "department")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub department_id: i64,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
        #[sea_orm(belongs_to, from = "department_id", to = "id")]
        pub department: BelongsTo<super::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "departments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
}

impl ActiveModelBehavior for ActiveModel {}

fn main() {}

use sea_orm::entity::prelude::*;

#[derive(sea_orm_archive::DeriveArchive)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    pub id: i64,
    pub comments: HasMany<Comments>,
}

fn main() {}

use sea_orm_archive::DeriveArchive;

#[derive(DeriveArchive)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    pub id: i64,
}

fn main() {}

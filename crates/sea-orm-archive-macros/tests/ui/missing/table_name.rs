use sea_orm_archive::DeriveArchive;

#[derive(DeriveArchive)]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
}

fn main() {}

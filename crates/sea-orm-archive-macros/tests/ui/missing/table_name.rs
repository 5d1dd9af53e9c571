use sea_orm_archive::DeriveArchive;

#[derive(DeriveArchive)]
pub struct Model {
    pub id: i64,
}

fn main() {}

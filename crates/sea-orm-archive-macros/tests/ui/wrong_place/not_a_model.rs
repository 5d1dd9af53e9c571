use sea_orm_archive::DeriveArchive;

#[derive(DeriveArchive)]
pub enum Status {
    Draft,
}

#[derive(DeriveArchive)]
pub struct Title(pub String);

#[derive(DeriveArchive)]
pub struct Model<T> {
    pub id: T,
}

mod named {
    #[derive(sea_orm_archive::DeriveArchive)]
    pub struct Post {
        pub id: i64,
    }
}

fn main() {}

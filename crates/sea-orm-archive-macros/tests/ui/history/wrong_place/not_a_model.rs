use sea_orm_archive::DeriveHistory;

#[derive(DeriveHistory)]
pub enum Status {
    Draft,
}

#[derive(DeriveHistory)]
pub struct Title(pub String);

#[derive(DeriveHistory)]
pub struct Model<T> {
    pub id: T,
}

mod named {
    #[derive(sea_orm_archive::DeriveHistory)]
    pub struct Version {
        pub id: i64,
    }
}

fn main() {}

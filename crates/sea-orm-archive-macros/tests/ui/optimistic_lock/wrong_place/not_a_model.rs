use sea_orm_archive::DeriveOptimisticLock;

#[derive(DeriveOptimisticLock)]
pub enum Model {}

#[derive(DeriveOptimisticLock)]
pub struct Note {
    pub lock_version: i32,
}

#[derive(DeriveOptimisticLock)]
pub struct ModelEx(i32);

fn main() {}

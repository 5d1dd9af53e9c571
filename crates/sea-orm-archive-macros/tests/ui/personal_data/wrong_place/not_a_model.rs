use sea_orm_archive::DerivePersonalData;

#[derive(DerivePersonalData)]
pub enum Model {}

fn main() {}

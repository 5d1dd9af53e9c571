//! `sea_orm_archive::check`: SQL causes each problem; check reports that problem alone, and nothing after its remedy.

mod problems;
pub mod shop;
mod smaller;

//! `sea_orm_archive::check`: each problem is made by SQL, is the only finding, and is gone after its remedy.

mod problems;
mod shop;
mod smaller;

//! Stamps: who made a row and who changed it last, and when, said by the database.

mod columns;
mod create;
mod function;
mod options;
mod register;
mod remove;
mod schema;

pub use options::StampedTable;
pub use schema::StampSchema;

pub(crate) use function::{install, refresh};
pub(crate) use register::{forget_dropped, refuse_stamped};

//! Stamps: the database records who created a row, who changed it last, and when.

pub(crate) mod columns;
pub(crate) mod create;
pub(crate) mod function;
pub(crate) mod options;
pub(crate) mod register;
pub(crate) mod remove;

pub use options::StampedTable;

pub(crate) use function::{install, refresh};
pub(crate) use register::{forget_dropped, refuse_stamped};

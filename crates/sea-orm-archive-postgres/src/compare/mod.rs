//! What exists, compared with what should exist.

mod archive_table;

pub use archive_table::{Difference, differences, list};

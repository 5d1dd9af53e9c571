//! Which columns contain personal data, and what an erasure replaces them with.

mod options;
mod register;

pub use options::PersonalData;
pub(crate) use register::{declare, drop_of, forget_dropped};

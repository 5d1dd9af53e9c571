//! Which columns contain personal data, and what an erasure replaces them with.

mod register;

pub(crate) use register::{declare, drop_of, forget_dropped};

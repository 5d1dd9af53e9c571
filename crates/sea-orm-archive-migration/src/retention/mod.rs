//! How long archived rows, archival records and the audit log stay.

mod options;
mod register;

pub use options::Retention;
pub(crate) use register::{
    Subject, drop_named, drop_of, forget, forget_dropped, retain, retain_rows, root,
};

//! How long archived rows, archival records, versions of histories and the audit log stay.

mod options;
mod register;

pub use options::Retention;
pub(crate) use register::{
    Subject, drop_named, drop_of, forget, forget_dropped, forget_versions, retain, retain_rows,
    retain_versions, root,
};

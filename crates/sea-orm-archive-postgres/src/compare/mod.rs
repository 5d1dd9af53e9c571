//! Comparisons of the existing objects with the required ones. Every comparison returns [`Finding`]s; plans, syncs and
//! `sea_orm_archive::check` use the same comparisons.

mod archive_table;
mod difference;
mod finding;
mod foreign_key;
mod history;

pub mod registered;

pub use archive_table::{CLASH, archive_table_findings};
pub use difference::{Difference, differences, list};
pub use finding::Finding;
pub use foreign_key::{
    hidden_rows, link_findings, not_enforced, unfollowed_links, unfollowed_parents,
};
pub use history::{VersionColumns, history_findings};

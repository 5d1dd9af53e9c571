//! The names of registered tables at the last call of a helper.

use crate::template::fill;

/// The names of the tables of all registers at the last call of a helper, and the tables that have these names now.
pub const INSTALL: &str = include_str!("install.sql");
/// The registrations of the table that $1 replaces which $1 does not have.
pub const LOST: &str = include_str!("lost.sql");
/// Marks the tables that $1 replaces, if a table that was registered together with them still exists.
pub const MARK: &str = include_str!("mark.sql");
/// Records the current names of the tables of all registers.
pub const NOTE: &str = include_str!("note.sql");

/// The registrations of all tables as a query, with those of the audit log where it is installed.
pub fn registered(is_audited: bool) -> String {
    let audited = match is_audited {
        true => include_str!("audited.sql"),
        false => "",
    };
    fill(
        include_str!("registered.sql").trim_end(),
        [("audited", audited.to_owned())],
    )
}

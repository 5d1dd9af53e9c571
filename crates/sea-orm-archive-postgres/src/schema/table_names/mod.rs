//! What tables were called when a helper last saw them.

use crate::template::fill;

/// What the tables of all registers were called when a helper last saw them, and which table has such a name now.
pub const INSTALL: &str = include_str!("install.sql");
/// What was registered of the table whose place $1 has, and is not registered of $1.
pub const LOST: &str = include_str!("lost.sql");
/// Marks the tables whose place $1 has, where what was registered together with them is still there.
pub const MARK: &str = include_str!("mark.sql");
/// Records what the tables of all registers are called now.
pub const NOTE: &str = include_str!("note.sql");

/// Everything that is registered of tables, as a query; of the audit log where that is installed.
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

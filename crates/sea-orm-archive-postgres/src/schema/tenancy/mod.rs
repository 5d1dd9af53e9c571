//! Tenancy: row-level security by tenant.

/// Row-level security of the audit log.
pub const AUDIT: &str = include_str!("audit.sql");
/// The column $2 of the table $1, and how it is compared with the tenant of the context, as SQL.
pub const COLUMN: &str = include_str!("column.sql");
/// Whether the constraint $2 of the table $1, where it was made for tenancy and is there, says what it should.
pub const CONSTRAINT: &str = include_str!("constraint.sql");
/// Statements that let the functions of temporal foreign keys run under policies, where one of their tables is under tenancy and these hide nothing that the check needs.
pub const FOREIGN_KEYS: &str = include_str!("foreign_keys.sql");
/// Which tables are under tenancy, what follows from that for other tables, and the functions that policies and guards call.
pub const INSTALL: &str = include_str!("install.sql");
/// Statements that let the foreign key $2 of the table $1 speak last of those that refer to its other table.
pub const LAST: &str = include_str!("last.sql");
/// Statements that let the histories of the table $1 follow it, whose column is called something else now.
pub const RENAME: &str = include_str!("rename.sql");
/// Row-level security of what all tables share.
pub const SHARED: &str = include_str!("shared.sql");
/// Statements that drop what enable_tenancy() made in the table $1 and its histories beside policies and triggers.
pub const UNMAKE: &str = include_str!("unmake.sql");
/// The temporal foreign keys of tables under tenancy to histories that are not, where the tables $1 have to do with them.
pub const UNSEEN: &str = include_str!("unseen.sql");
/// Attributes the entries of an audited table that have no tenant to that of the row which has their key now, active or archived, if it was the same row of the same tenant since.
pub const ATTRIBUTE_ENTRIES: &str = include_str!("attribute_entries.sql");
/// A tenant sees every change of its rows after the last entry that has none.
pub const ATTRIBUTED_SINCE: &str = include_str!("attributed_since.sql");
/// Takes the tenant from the entries of a table that were written before it came under tenancy, or under another column.
pub const CLEAR_ENTRIES: &str = include_str!("clear_entries.sql");
/// Registers which column of the audited table $1 contains the tenant of a row, where another column is registered, none, or the same under another name.
pub const FOLLOW_LOG: &str = include_str!("follow_log.sql");
/// Gives archivals another tenant.
pub const GIVE_ARCHIVALS: &str = include_str!("give_archivals.sql");
/// Whether an archival holds anything of a table under tenancy.
pub const HOLDING: &str = include_str!("holding.sql");

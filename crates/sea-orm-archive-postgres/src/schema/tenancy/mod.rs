//! Tenancy: row-level security by tenant.

/// Row-level security of the audit log.
pub const AUDIT: &str = include_str!("audit.sql");
/// The column $2 of the table $1, and how it is compared with the tenant of the context, as SQL.
pub const COLUMN: &str = include_str!("column.sql");
/// Whether the constraint $2 of the table $1, where it was made for tenancy and is there, says what it should.
pub const CONSTRAINT: &str = include_str!("constraint.sql");
/// Statements that let the functions of temporal foreign keys run under policies, where one of their tables is under tenancy and these hide nothing that the check needs.
pub const FOREIGN_KEYS: &str = include_str!("foreign_keys.sql");
/// Another column says now whose a row of a table is.
pub const FORGET_LEDGER: &str = include_str!("forget_ledger.sql");
/// Which tables are under tenancy, what follows from that for other tables, and the functions that policies and guards call.
pub const INSTALL: &str = include_str!("install.sql");
/// Statements that let the foreign key $2 of the table $1 speak last of those that refer to its other table.
pub const LAST: &str = include_str!("last.sql");
/// Registers which column of the table $1 says whose a row is, and answers what its entries were told before.
pub const REGISTER_LOG: &str = include_str!("register_log.sql");
/// What was a tenant's for rows of tables that are under tenancy no more is for everybody again, as those tables are.
pub const RELEASE_LEDGER: &str = include_str!("release_ledger.sql");
/// Statements that let the histories of the table $1 follow it, whose column is called something else now.
pub const RENAME: &str = include_str!("rename.sql");
/// Row-level security of what all tables share.
pub const SHARED: &str = include_str!("shared.sql");
/// How many rows of a table, and links cut there, are in an archival of another tenant.
pub const STRANGERS: &str = include_str!("strangers.sql");
/// Whose the archivals are that hold rows of a table, or links that they cut there.
pub const TELL_LEDGER: &str = include_str!("tell_ledger.sql");
/// Whose the entries of a table are that were written before.
pub const TELL_LOG: &str = include_str!("tell_log.sql");
/// Statements that drop what enable_tenancy() made in the table $1 and its histories beside policies and triggers.
pub const UNMAKE: &str = include_str!("unmake.sql");
/// The temporal foreign keys of tables under tenancy to histories that are not, where the tables $1 have to do with them.
pub const UNSEEN: &str = include_str!("unseen.sql");

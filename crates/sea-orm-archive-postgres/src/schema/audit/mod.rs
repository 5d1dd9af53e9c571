//! The audit log.

/// The part of the trigger function that recognizes rows that arrive.
pub const ARRIVAL: &str = include_str!("arrival.sql");
/// A row at an earlier time.
pub const AS_OF: &str = include_str!("as_of.sql");
/// The columns of the table $1, and how the audit log reads each.
pub const COLUMNS: &str = include_str!("columns.sql");
/// The part of the trigger function that records rows that leave.
pub const DEPARTURE: &str = include_str!("departure.sql");
/// The rights that a role needs to read the log.
pub const GRANT: &str = include_str!("grant.sql");
/// What install_audit() creates.
pub const INSTALL: &str = include_str!("install.sql");
/// The rights that a role needs to create partitions of the log, and to drop expired ones.
pub const MAINTENANCE_GRANT: &str = include_str!("maintenance_grant.sql");
/// The reverse of maintenance_grant.sql, except USAGE of the schema, which archives, restores and reads also need.
pub const MAINTENANCE_REVOKE: &str = include_str!("maintenance_revoke.sql");
/// The functions that identify the columns of entries after a rename.
pub const NAMES: &str = include_str!("names.sql");
/// How the log is cut at its old end.
pub const RETENTION: &str = include_str!("retention.sql");
/// The reverse of grant.sql, except USAGE of the schema, which archives and restores also need.
pub const REVOKE: &str = include_str!("revoke.sql");
/// The statement that a trigger runs where its own statements do not fit the table.
pub const STATEMENT: &str = include_str!("statement.sql");
/// The body of the trigger function of one audited table.
pub const TRIGGER_FUNCTION: &str = include_str!("trigger_function.sql");
/// The triggers of one table.
pub const TRIGGERS: &str = include_str!("triggers.sql");
/// The body of the trigger function of the archive table of an audited table.
pub const ARCHIVE_TABLE_TRIGGER_FUNCTION: &str = include_str!("archive_table_trigger_function.sql");
/// What uninstall_audit() drops.
pub const UNINSTALL: &str = include_str!("uninstall.sql");
/// The registration of the audited table $1, which is a name as SQL text.
pub const WATCHED: &str = include_str!("watched.sql");

//! Tenancy: row-level security by tenant.

/// Row-level security of the audit log.
pub const AUDIT: &str = include_str!("audit.sql");
/// The column $2 of the table $1, and how it is compared with the tenant of the context, as SQL.
pub const COLUMN: &str = include_str!("column.sql");
/// Whether the constraint $2 of the table $1, which enable_tenancy() created, has the right definition.
pub const CONSTRAINT: &str = include_str!("constraint.sql");
/// Statements that set row_security of the functions of temporal foreign keys.
pub const FOREIGN_KEYS: &str = include_str!("foreign_keys.sql");
/// The registers of tenancy, the tables that come under tenancy with a registered table, and the functions that policies and guards call.
pub const INSTALL: &str = include_str!("install.sql");
/// Statements that make the foreign key $2 of the table $1 fire after all other foreign keys that refer to the same table.
pub const LAST: &str = include_str!("last.sql");
/// Statements that rename the tenant column in the histories of the table $1 after it was renamed in the table.
pub const RENAME: &str = include_str!("rename.sql");
/// Row-level security of the shared tables.
pub const SHARED: &str = include_str!("shared.sql");
/// Statements that drop the constraints, columns and defaults that enable_tenancy() created in the table $1 and its histories.
pub const DROP: &str = include_str!("drop.sql");
/// The temporal foreign keys from tables under tenancy to histories that are not, where one of the tables $1 is involved.
pub const UNSEEN: &str = include_str!("unseen.sql");
/// Sets the tenant of the entries of an audited table that have none.
pub const ATTRIBUTE_ENTRIES: &str = include_str!("attribute_entries.sql");
/// Records the time of the last entry without a tenant: a tenant sees every change of its rows after it.
pub const ATTRIBUTED_SINCE: &str = include_str!("attributed_since.sql");
/// Clears the tenant of the entries of a table that were written before it came under tenancy, or with another tenant column.
pub const CLEAR_ENTRIES: &str = include_str!("clear_entries.sql");
/// Registers the tenant column of the audited table $1, where none, another one, or an earlier name of it is registered.
pub const FOLLOW_LOG: &str = include_str!("follow_log.sql");
/// Changes the tenant of archivals.
pub const GIVE_ARCHIVALS: &str = include_str!("give_archivals.sql");
/// Whether an archival holds rows or links of a table under tenancy.
pub const HOLDING: &str = include_str!("holding.sql");

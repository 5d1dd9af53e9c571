//! The error codes of the functions and statements of this crate.

/// The tables have changed since the plan was made.
pub const STALE: &str = "AR001";
/// The archival holds more, or something else, than the plan restores.
pub const OTHER_PLAN: &str = "AR002";
/// A declared `restrict` has rows.
pub const RESTRICTED: &str = "AR003";
/// A trigger dropped or changed a row.
pub const TRIGGER: &str = "AR004";
/// The root is not in its archive table.
pub const INCOMPLETE: &str = "AR005";
/// Never leaves the database: it carries an answer out of a rolled back block.
pub const ANSWER: &str = "AR006";
/// The audit log recorded that other rows left than arrived.
pub const UNLIKE: &str = "AR008";
/// An audited table has lost its primary key.
pub const KEYLESS: &str = "AR009";
/// Rows of another tenant would be changed.
pub const OTHER_TENANT: &str = "AR010";
/// The audit log does not know the columns of a table whose rows move.
pub const BEHIND: &str = "AR011";
/// The archived root does not have the version that the caller passed.
pub const OTHER_VERSION: &str = "AR012";

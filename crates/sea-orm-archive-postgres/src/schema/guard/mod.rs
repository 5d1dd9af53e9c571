//! The guard: no row is deleted past the archive.

/// The statement that catches rows.
pub const CATCH: &str = include_str!("catch.sql");
/// The function that writes the archival records of caught rows.
pub const CAUGHT: &str = include_str!("caught.sql");
/// What install_archive() creates for guards.
pub const INSTALL: &str = include_str!("install.sql");
/// The part of the statement that catches rows that compares their keys with a partitioned archive table.
pub const KEY_ONCE: &str = include_str!("key_once.sql");
/// The condition that a row is not in the archive table.
pub const MISSING: &str = include_str!("missing.sql");
/// The foreign keys of the table $1 that refer to tables whose guard catches.
pub const PARENTS: &str = include_str!("parents.sql");
/// The part of the trigger function that refuses a deletion.
pub const REFUSE: &str = include_str!("refuse.sql");
/// The statements that create the triggers that the guard of the table $1 lacks, or a dropped guard leaves.
pub const TRIGGERS: &str = include_str!("triggers.sql");
/// The body of the trigger function of one guarded table.
pub const TRIGGER_FUNCTION: &str = include_str!("trigger_function.sql");
/// The part of the trigger function that checks whether rows can be caught before a TRUNCATE.
pub const TRUNCATED: &str = include_str!("truncated.sql");
/// The triggers of guards. Part of a WITH.
pub const WANTED: &str = include_str!("wanted.sql");

//! Histories and temporal foreign keys.

/// The function that checks rows that refer to a version.
pub const CHILD: &str = include_str!("child.sql");
/// The checks, exclusion constraints and unique indexes of the table $1 as PostgreSQL writes them; of an index, the part after its table.
pub const CONSTRAINTS: &str = include_str!("constraints.sql");
/// Whether a version is valid at a time.
pub const COVERED_AT: &str = include_str!("covered_at.sql");
/// Whether versions are valid during a whole period.
pub const COVERED_DURING: &str = include_str!("covered_during.sql");
/// The objects that depend on the columns $2 of the table $1, except their own defaults.
pub const DEPENDENTS: &str = include_str!("dependents.sql");
/// The temporal foreign keys; "c" is the child and "h" the history, NULL where the table was dropped.
pub const FOREIGN_KEYS: &str = include_str!("foreign_keys.sql");
/// The rows of a temporal foreign key that would lose their version.
pub const LOST: &str = include_str!("lost.sql");
/// A version whose identity does not have its values, and the number of such versions.
pub const NOT_GIVEN_BACK: &str = include_str!("not_given_back.sql");
/// Refuses an isolation level whose snapshot is older than the lock.
pub const OLD_SNAPSHOT: &str = include_str!("old_snapshot.sql");
/// The function that checks versions that rows refer to.
pub const PARENT: &str = include_str!("parent.sql");
/// The registered properties of the history $1; no row where its identity table was dropped.
pub const REGISTERED: &str = include_str!("registered.sql");
/// The function that refuses a TRUNCATE of a history that rows refer to.
pub const TRUNCATE: &str = include_str!("truncate.sql");
/// An identity that has no version, more than one, or one that has ended; and the number of such identities.
pub const UNFIT_TO_UNSPLIT: &str = include_str!("unfit_to_unsplit.sql");
/// A row of the child that no version covers, in the form that the error shows.
pub const UNMATCHED: &str = include_str!("unmatched.sql");

//! The archive table of a table.

/// The columns of the table $1 as SQL that would add them to its archive table, read with an empty search_path.
pub const DEFINITIONS: &str = include_str!("definitions.sql");
/// Statements that put archive.mark_deleted() on the tables that links are cut from and on their archive tables, and take it away from where no link is cut any more.
pub const DELETE_TRIGGERS: &str = concat!(
    "-- Statements that put archive.mark_deleted() where mark_wanted.sql wants it, and drop it elsewhere.\nWITH\n",
    include_str!("mark_wanted.sql"),
    include_str!("delete_triggers.sql")
);
/// The grants of the table $1 as statements that give the same on its archive table $2.
pub const GRANTS: &str = include_str!("grants.sql");
/// Whether a whole, valid B-tree of the table $1 begins with the columns $2, in their order.
pub const HAS_INDEX: &str = include_str!("has_index.sql");
/// The sequences that the primary key of the table $1 draws its ids from.
pub const KEY_SEQUENCES: &str = include_str!("key_sequences.sql");
/// Statements that put archive.follow_key() where the key of a row is recorded elsewhere, and take it away from where it is not.
pub const KEY_TRIGGERS: &str = concat!(
    "-- Statements that put archive.follow_key() where follow_key_wanted.sql wants it, and drop it elsewhere.\nWITH\n",
    include_str!("follow_key_wanted.sql"),
    include_str!("key_triggers.sql")
);
/// The policies of the table $1.
pub const POLICIES: &str = include_str!("policies.sql");
/// Sets the sequence $1 to the last of the ids that count in its direction.
pub const RESET_SEQUENCE: &str = include_str!("reset_sequence.sql");
/// Statements that take from everybody but its owner what default privileges gave on the new table $1.
pub const REVOKES: &str = include_str!("revokes.sql");
/// Statements that enable on the archive table $2 the row-level security that the table $1 has.
pub const ROW_SECURITY: &str = include_str!("row_security.sql");

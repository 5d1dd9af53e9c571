//! The archive table of a table.

/// The columns of the table $1 as SQL that would add them to its archive table, read with an empty search_path.
pub const DEFINITIONS: &str = include_str!("definitions.sql");
/// Statements that create the triggers of archive.mark_deleted() on the tables that links are cut from and on their archive tables, and drop them elsewhere.
pub const DELETE_TRIGGERS: &str = concat!(
    "-- Statements that create the triggers of archive.mark_deleted() on the tables of mark_wanted.sql, and drop them elsewhere.\nWITH\n",
    include_str!("mark_wanted.sql"),
    include_str!("delete_triggers.sql")
);
/// The grants of the table $1 as statements that grant the same on its archive table $2.
pub const GRANTS: &str = include_str!("grants.sql");
/// Whether a whole, valid B-tree of the table $1 begins with the columns $2, in their order.
pub const HAS_INDEX: &str = include_str!("has_index.sql");
/// The sequences that the primary key of the table $1 draws its ids from.
pub const KEY_SEQUENCES: &str = include_str!("key_sequences.sql");
/// Statements that create the triggers of archive.follow_key() on the tables whose keys are recorded elsewhere, and drop them from other tables.
pub const KEY_TRIGGERS: &str = concat!(
    "-- Statements that create the triggers of archive.follow_key() on the tables of follow_key_wanted.sql, and drop them elsewhere.\nWITH\n",
    include_str!("follow_key_wanted.sql"),
    include_str!("key_triggers.sql")
);
/// The policies of the table $1.
pub const POLICIES: &str = include_str!("policies.sql");
/// Sets the sequence $1 to the last of the ids that count in its direction.
pub const RESET_SEQUENCE: &str = include_str!("reset_sequence.sql");
/// Statements that revoke from all roles but the owner the default privileges on the new table $1.
pub const REVOKES: &str = include_str!("revokes.sql");
/// Statements that enable on the archive table $2 the row-level security that the table $1 has.
pub const ROW_SECURITY: &str = include_str!("row_security.sql");

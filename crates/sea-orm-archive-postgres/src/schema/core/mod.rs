//! What archives, restores and plans need.

/// What writes archival records.
pub const ARCHIVAL: &str = include_str!("archival.sql");
/// What an archival holds.
pub const ARCHIVAL_OF_RESTORE: &str = include_str!("archival_of_restore.sql");
/// What the catalog contains about tables, for plans and migrations.
pub const CATALOG: &str = include_str!("catalog.sql");
/// Who acts, for which tenant, from which request.
pub const CONTEXT: &str = include_str!("context.sql");
/// Whether the policies of tenancy, and no others, are on a table, and let the session see every row of it.
pub const FOLLOW_KEY: &str = include_str!("follow_key.sql");
/// What a role needs to archive and restore, beyond its grants on the tables themselves.
pub const GRANT: &str = include_str!("grant.sql");
/// The functions that moves run through, and those that notice a changed table.
pub const MOVES: &str = include_str!("moves.sql");
/// What stands in the schema archive, and the schema itself.
pub const OBJECTS: &str = include_str!("objects.sql");
/// Statements that leave to others than the owner only what grant_archive() and grant_audit() give.
pub const PRIVATE: &str = include_str!("private.sql");
/// Statements that leave trigger functions to their owner.
pub const PRIVATE_TRIGGERS: &str = include_str!("private_triggers.sql");
/// What install_archive() creates.
pub const REGISTERS: &str = include_str!("registers.sql");
/// The reverse of grant.sql, but for what a role with grant_audit or grant_audit_maintenance needs too.
pub const REVOKE: &str = include_str!("revoke.sql");
/// Whether code of other roles could run in functions that run as their owner.
pub const TRUSTED: &str = include_str!("trusted.sql");
/// What uninstall_archive() drops.
pub const UNINSTALL: &str = include_str!("uninstall.sql");

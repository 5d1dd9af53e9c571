//! The SQL that archives, restores and plans need.

/// The functions that write archival records.
pub const ARCHIVAL: &str = include_str!("archival.sql");
/// The tables of archivals, their archive tables, and their detached links, by name.
pub const ARCHIVAL_OF_RESTORE: &str = include_str!("archival_of_restore.sql");
/// What the catalog contains about tables, for plans and migrations.
pub const CATALOG: &str = include_str!("catalog.sql");
/// The context: actor, tenant, request id and details of the request.
pub const CONTEXT: &str = include_str!("context.sql");
/// The erasures: their certificates, and the functions that erase.
pub const ERASURE: &str = include_str!("erasure.sql");
/// How an erasure finds and erases what the audit log contains of rows.
pub const ERASURE_LOG: &str = include_str!("erasure_log.sql");
/// How an erasure searches for the identifying values of a person.
pub const ERASURE_SEARCH: &str = include_str!("erasure_search.sql");
/// The rights that a role needs to erase persons.
pub const ERASURE_GRANT: &str = include_str!("erasure_grant.sql");
/// The reverse of erasure_grant.sql, except for what a role with another grant also needs.
pub const ERASURE_REVOKE: &str = include_str!("erasure_revoke.sql");
/// The tables of events and their consumers, and the functions that write, read and delete them.
pub const EVENTS: &str = include_str!("events.sql");
/// The reverse of event_enable.sql.
pub const EVENT_DISABLE: &str = include_str!("event_disable.sql");
/// The triggers that write events.
pub const EVENT_ENABLE: &str = include_str!("event_enable.sql");
/// The rights that a role needs to read and acknowledge events.
pub const EVENT_GRANT: &str = include_str!("event_grant.sql");
/// The reverse of event_grant.sql, except for what a role with another grant also needs.
pub const EVENT_REVOKE: &str = include_str!("event_revoke.sql");
/// The trigger functions that update or mark archived rows and detached links when a row changes its key or is deleted.
pub const FOLLOW_KEY: &str = include_str!("follow_key.sql");
/// The rights that a role needs to archive and restore, beyond its grants on the tables themselves.
pub const GRANT: &str = include_str!("grant.sql");
/// The rights that a role needs to place and release holds.
pub const HOLD_GRANT: &str = include_str!("hold_grant.sql");
/// The reverse of hold_grant.sql, except for what a role with another grant also needs.
pub const HOLD_REVOKE: &str = include_str!("hold_revoke.sql");
/// The holds, and the functions that place, release and find them.
pub const HOLDS: &str = include_str!("holds.sql");
/// The hooks of entities: which archivals have some, and that they are not skipped.
pub const HOOKS: &str = include_str!("hooks.sql");
/// The functions that defer rows to other archivals, and those of detached links.
pub const LINKS: &str = include_str!("links.sql");
/// The functions that run moves, and those that detect a changed table.
pub const MOVES: &str = include_str!("moves.sql");
/// The objects of the schema archive, and the schema itself.
pub const OBJECTS: &str = include_str!("objects.sql");
/// The functions that record archivals of rows that were taken or copied from another archival.
pub const PARTS: &str = include_str!("parts.sql");
/// The partitions of archive tables, and the purge of all rows of a partition.
pub const PARTITIONS: &str = include_str!("partitions.sql");
/// Which columns contain personal data, and how rows belong to a person.
pub const PERSONAL_DATA: &str = include_str!("personal_data.sql");
/// Statements that revoke from roles other than the owner all privileges that grant_archive(), grant_audit() and grant_holds() do not give.
pub const PRIVATE: &str = include_str!("private.sql");
/// Statements that revoke EXECUTE on trigger functions from all roles but their owner.
pub const PRIVATE_TRIGGERS: &str = include_str!("private_triggers.sql");
/// The functions that purge archivals.
pub const PURGES: &str = include_str!("purges.sql");
/// Precedes an installation. There may be no table yet that could be locked instead.
///
/// Race: two sessions install at the same time, such as two adoptions with `--install`. The second one waits here until the first has committed.
pub const INSTALL_LOCK: &str =
    "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('sea-orm-archive', 0))";
/// The tables that install_archive() creates.
pub const REGISTERS: &str = include_str!("registers.sql");
/// How the registers follow columns that were renamed.
pub const RENAMES: &str = include_str!("renames.sql");
/// The rules that let archivals, their records and the log expire, and the functions that purge what has expired.
pub const RETENTION: &str = include_str!("retention.sql");
/// The functions that lock archivals for a restore, and mark them.
pub const RESTORES: &str = include_str!("restores.sql");
/// Sets the sequences of the schema past the ids of their tables.
pub const RESET_SEQUENCES: &str = include_str!("reset_sequences.sql");
/// The reverse of grant.sql, except for what a role with another grant also needs.
pub const REVOKE: &str = include_str!("revoke.sql");
/// Checks that functions that run as their owner run no code of other roles.
pub const TRUSTED: &str = include_str!("trusted.sql");
/// What uninstall_archive() drops.
pub const UNINSTALL: &str = include_str!("uninstall.sql");
/// The functions that purge versions of histories, and list what has expired.
pub const VERSIONS: &str = include_str!("versions.sql");

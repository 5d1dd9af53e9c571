//! The SQLSTATEs that the crate reacts to or raises, and their classes.

/// A snapshot is too old, or two transactions do not serialize.
pub const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
/// A lock was not available at once.
pub const LOCK_NOT_AVAILABLE: &str = "55P03";

const NOT_NULL_VIOLATION: &str = "23502";
const FOREIGN_KEY_VIOLATION: &str = "23503";
/// A unique index refused a row.
pub const UNIQUE_VIOLATION: &str = "23505";
const CHECK_VIOLATION: &str = "23514";
const EXCLUSION_VIOLATION: &str = "23P01";
/// What PostgreSQL 18 reports for ON DELETE RESTRICT.
const RESTRICT_VIOLATION: &str = "23001";

const STRING_DATA_RIGHT_TRUNCATION: &str = "22001";
const NUMERIC_VALUE_OUT_OF_RANGE: &str = "22003";
const INVALID_DATETIME_FORMAT: &str = "22007";
const INVALID_TEXT_REPRESENTATION: &str = "22P02";

/// PostgreSQL does not implement this, or a prepared statement would return other types than before.
pub const FEATURE_NOT_SUPPORTED: &str = "0A000";
/// An error has aborted the transaction.
pub const IN_FAILED_SQL_TRANSACTION: &str = "25P02";
const INVALID_SCHEMA_NAME: &str = "3F000";
const GENERATED_ALWAYS: &str = "428C9";
const UNDEFINED_TABLE: &str = "42P01";
/// A statement names a column that does not exist.
pub const UNDEFINED_COLUMN: &str = "42703";
const UNDEFINED_OBJECT: &str = "42704";
const DATATYPE_MISMATCH: &str = "42804";
const CANNOT_COERCE: &str = "42846";
const UNDEFINED_FUNCTION: &str = "42883";

/// The role may not do this.
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// The tables have changed since the plan was built.
pub const STALE_PLAN: &str = "AR001";
/// The archival holds other tables or links than the plan restores.
pub const OTHER_PLAN: &str = "AR002";
/// A declared `restrict` has rows.
pub const RESTRICTED: &str = "AR003";
/// A trigger dropped or changed a row.
pub const TRIGGER: &str = "AR004";
/// The root is not in its archive table.
pub const INCOMPLETE_ARCHIVAL: &str = "AR005";
/// The audit log saw other rows leave than arrive.
const LOG_MISMATCH: &str = "AR008";
/// An audited table has no primary key.
const LOG_WITHOUT_KEY: &str = "AR009";
/// Rows of another tenant would be changed.
pub const OTHER_TENANT: &str = "AR010";
/// The audit log does not know the columns of a table whose rows move.
const LOG_OUTDATED: &str = "AR011";
/// The archived root does not have the lock version that the caller passed.
pub const OTHER_LOCK_VERSION: &str = "AR012";

/// The table is not audited.
pub const NOT_AUDITED: &str = "AR013";

/// What was archived could not be restored.
pub const NOT_RESTORABLE: &str = "AR014";

/// One call archives more roots than its answer can hold.
pub const TOO_MANY_ROOTS: &str = "AR015";

/// What has expired is purged at READ COMMITTED, and the transaction is above it.
pub const ISOLATION_LEVEL: &str = "AR020";

/// A hold keeps something from being deleted for good.
pub const HELD: &str = "AR021";

/// A hold would have ended before it begins.
pub const ENDED_HOLD: &str = "AR022";

/// Personal data is not declared, or a declaration does not fit its table.
pub const PERSONAL_DATA: &str = "AR025";
/// A person of whom nothing is known cannot be erased.
pub const UNKNOWN_PERSON: &str = "AR026";
/// Events are not enabled.
pub const EVENTS_DISABLED: &str = "AR030";
/// Events after the cursor of a reader were deleted.
pub const DELETED_EVENTS: &str = "AR031";
/// No event has had the position of the cursor.
pub const UNKNOWN_CURSOR: &str = "AR032";

/// An archival has hooks, and the call does not run them.
pub const SKIPPED_HOOKS: &str = "AR033";
/// A guarded table would lose rows past the archive.
pub const GUARDED: &str = "AR040";

/// The guard of a table does not fit it.
const GUARD_OUTDATED: &str = "AR041";

/// A trigger changed or deleted a row that the statement that fired it deletes or updates itself.
pub const TRIGGERED_DATA_CHANGE: &str = "27000";

/// The transaction may succeed when it is run again.
pub fn is_contention(code: &str) -> bool {
    matches!(code, SERIALIZATION_FAILURE | DEADLOCK_DETECTED)
}

/// A constraint refused a row: class 23.
pub fn is_constraint(code: &str) -> bool {
    code.starts_with("23")
}

/// A foreign key refused a row.
pub fn is_foreign_key(code: &str) -> bool {
    matches!(code, FOREIGN_KEY_VIOLATION | RESTRICT_VIOLATION)
}

/// A unique index or an exclusion constraint refused a row.
pub fn is_taken(code: &str) -> bool {
    matches!(code, UNIQUE_VIOLATION | EXCLUSION_VIOLATION)
}

/// A constraint of the kinds that the conflicts of a restore explain.
pub fn is_conflict(code: &str) -> bool {
    is_taken(code) || is_foreign_key(code) || matches!(code, CHECK_VIOLATION | NOT_NULL_VIOLATION)
}

/// A column cannot hold a value (class 22 and 23), or the role may not write it.
pub fn is_bad_value(code: &str) -> bool {
    code.starts_with("22")
        || is_constraint(code)
        || [DATATYPE_MISMATCH, INSUFFICIENT_PRIVILEGE].contains(&code)
}

/// A text is not a value of the type that it is cast to.
pub fn is_invalid_text(code: &str) -> bool {
    matches!(
        code,
        STRING_DATA_RIGHT_TRUNCATION
            | NUMERIC_VALUE_OUT_OF_RANGE
            | INVALID_DATETIME_FORMAT
            | INVALID_TEXT_REPRESENTATION
    )
}

/// A statement names a schema, a function, a table or a column that does not exist.
pub fn is_undefined(code: &str) -> bool {
    matches!(
        code,
        INVALID_SCHEMA_NAME | UNDEFINED_FUNCTION | UNDEFINED_TABLE | UNDEFINED_COLUMN
    )
}

/// A trigger changed what the verb does, or the audit log or a guard cannot follow it.
pub fn is_trigger(code: &str) -> bool {
    matches!(
        code,
        TRIGGER | LOG_MISMATCH | LOG_WITHOUT_KEY | LOG_OUTDATED | GUARD_OUTDATED
    )
}

/// The plan may be stale: the framework's own code, and the codes of PostgreSQL for a name in a planned statement that no
/// longer exists or has another type.
pub fn is_stale(code: &str) -> bool {
    is_undefined(code)
        || matches!(
            code,
            STALE_PLAN
                | FEATURE_NOT_SUPPORTED
                | GENERATED_ALWAYS
                | UNDEFINED_OBJECT
                | DATATYPE_MISMATCH
                | CANNOT_COERCE
        )
}

//! What a migration declares about a guard.

/// What a guarded table does with rows that are deleted past the archive: by plain SQL, by another service, or by ON DELETE CASCADE.
///
/// ```
/// use sea_orm_archive_migration::Guard;
///
/// let strict = Guard::refuse();
/// let lenient = Guard::catch();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a table is guarded after `manager.guard_table(..)`"]
pub struct Guard {
    pub(crate) catches: bool,
}

impl Guard {
    /// Refuses the statement, with an error that recommends `archive()`.
    pub const fn refuse() -> Self {
        Self { catches: false }
    }

    /// Lets the statement delete the rows, and puts them into the archive table: at the end of the transaction each row that it deleted is the
    /// root of an archival, with the rows below it that it deleted too. A TRUNCATE is caught in the same way.
    pub const fn catch() -> Self {
        Self { catches: true }
    }
}

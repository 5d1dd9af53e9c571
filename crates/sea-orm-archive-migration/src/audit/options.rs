//! What a migration declares about an audited table.

use sea_orm_migration::sea_query::{IntoIden, IntoTableRef, TableRef};

/// A table whose changes are written to the audit log.
///
/// It is built from anything that names a table.
///
/// ```
/// use sea_orm_archive_migration::AuditedTable;
///
/// let customers = AuditedTable::new("customers")
///     .exclude(["last_seen_at"])
///     .redact(["password_hash"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AuditedTable {
    pub(crate) table: TableRef,
    pub(crate) excluded: Vec<String>,
    pub(crate) redacted: Vec<String>,
}

impl AuditedTable {
    /// The table of this name, with all its columns.
    pub fn new(table: impl IntoTableRef) -> Self {
        Self {
            table: table.into_table_ref(),
            excluded: Vec::new(),
            redacted: Vec::new(),
        }
    }

    /// Excludes columns that change too often to be logged. A change of only these columns leaves no entry.
    pub fn exclude<C: IntoIden>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.excluded.extend(names(columns));
        self
    }

    /// Logs that these columns changed, and never their values. Use it for passwords and tokens.
    pub fn redact<C: IntoIden>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.redacted.extend(names(columns));
        self
    }
}

fn names<C: IntoIden>(columns: impl IntoIterator<Item = C>) -> impl Iterator<Item = String> {
    columns
        .into_iter()
        .map(|column| column.into_iden().to_string())
}

impl<T: IntoTableRef> From<T> for AuditedTable {
    fn from(table: T) -> Self {
        Self::new(table)
    }
}

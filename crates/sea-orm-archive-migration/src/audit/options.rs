//! What a migration says of a table that is audited.

use sea_orm_migration::sea_query::{IntoIden, IntoTableRef, TableRef};

/// A table whose changes are written to the audit log.
///
/// It is made from anything that names a table.
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
    /// The table of this name, with every column of it.
    pub fn new(table: impl IntoTableRef) -> Self {
        Self {
            table: table.into_table_ref(),
            excluded: Vec::new(),
            redacted: Vec::new(),
        }
    }

    /// Leaves columns out, which change too often to be told: a change of nothing else leaves no entry.
    pub fn exclude<C: IntoIden>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.excluded.extend(names(columns));
        self
    }

    /// Tells of columns that they changed, and never from what to what: passwords, tokens.
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

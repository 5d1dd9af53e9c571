//! What a migration declares about a table under tenancy.

use sea_orm_migration::sea_query::{IntoIden, IntoTableRef, TableRef};

/// A table whose rows belong to tenants. A column of the table contains the tenant of each row.
///
/// It is built by name, or from a table and its column:
///
/// ```
/// use sea_orm_archive_migration::Tenancy;
///
/// let posts = Tenancy::new("posts", "org_id").administrator("ops");
/// let comments = Tenancy::from(("comments", "org_id"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Tenancy {
    pub(crate) table: TableRef,
    pub(crate) column: String,
    pub(crate) administrator: Option<String>,
}

impl Tenancy {
    /// The table of this name, with its tenant column.
    pub fn new(table: impl IntoTableRef, column: impl IntoIden) -> Self {
        Self {
            table: table.into_table_ref(),
            column: column.into_iden().to_string(),
            administrator: None,
        }
    }

    /// Lets this role of the database see and change the rows of every tenant. All tables have the same administrator,
    /// because they share the archival table and the audit log.
    pub fn administrator(mut self, role: impl Into<String>) -> Self {
        self.administrator = Some(role.into());
        self
    }
}

impl<T: IntoTableRef, C: IntoIden> From<(T, C)> for Tenancy {
    fn from((table, column): (T, C)) -> Self {
        Self::new(table, column)
    }
}

//! What a migration says of a table of several tenants.

use sea_orm_migration::sea_query::{IntoIden, IntoTableRef, TableRef};

/// A table whose rows belong to tenants, each row to the one that a column of it names.
///
/// It is made by name, or from a table and its column:
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
    /// The table of this name, whose rows belong to the tenant that `column` names.
    pub fn new(table: impl IntoTableRef, column: impl IntoIden) -> Self {
        Self {
            table: table.into_table_ref(),
            column: column.into_iden().to_string(),
            administrator: None,
        }
    }

    /// Lets this role of the database see and change the rows of every tenant. One is for all tables, since they
    /// share the archival table and the audit log.
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

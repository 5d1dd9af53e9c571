//! What a migration declares about the stamps of a table.

use sea_orm_migration::{
    DbErr,
    sea_query::{ColumnDef, ColumnType, IntoTableRef, PostgresQueryBuilder, Table, TableRef},
};

use crate::name;

/// A table whose rows record who created them, who changed them last, and when.
///
/// It is built from anything that names a table. By default the columns are `created_at`, `created_by`,
/// `updated_at` and `updated_by`, and the type of the two actor columns is bigint.
///
/// ```
/// use sea_orm_archive_migration::StampedTable;
/// use sea_orm_migration::prelude::*;
///
/// let invoices = StampedTable::new(("billing", "invoices"))
///     .by(ColumnType::Uuid)
///     .created_at_column("issued_at")
///     .without_updated_by();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StampedTable {
    pub(crate) table: TableRef,
    pub(crate) stamps: Stamps,
    pub(crate) by: ColumnType,
}

/// The columns of the stamps of a table; `None` for a stamp that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) created_at: Option<String>,
    pub(crate) created_by: Option<String>,
    pub(crate) updated_at: Option<String>,
    pub(crate) updated_by: Option<String>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self {
            created_at: Some("created_at".to_owned()),
            created_by: Some("created_by".to_owned()),
            updated_at: Some("updated_at".to_owned()),
            updated_by: Some("updated_by".to_owned()),
        }
    }
}

impl Stamps {
    /// The columns that record when.
    pub(crate) fn times(&self) -> impl Iterator<Item = &String> {
        [&self.created_at, &self.updated_at].into_iter().flatten()
    }

    /// The columns that record who.
    pub(crate) fn actors(&self) -> impl Iterator<Item = &String> {
        [&self.created_by, &self.updated_by].into_iter().flatten()
    }

    /// The columns that never change.
    pub(crate) fn created(&self) -> impl Iterator<Item = &String> {
        [&self.created_at, &self.created_by].into_iter().flatten()
    }

    /// The columns that an update sets.
    pub(crate) fn updated(&self) -> impl Iterator<Item = &String> {
        [&self.updated_at, &self.updated_by].into_iter().flatten()
    }

    /// All of them, in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &String> {
        let all = [
            &self.created_at,
            &self.created_by,
            &self.updated_at,
            &self.updated_by,
        ];
        all.into_iter().flatten()
    }

    /// Refuses names that PostgreSQL does not accept, duplicate names, and stamps without any column.
    pub(crate) fn check(&self) -> Result<(), DbErr> {
        let all: Vec<_> = self.all().collect();
        for (position, column) in all.iter().enumerate() {
            name::check(column)?;
            if all[..position].contains(column) {
                return Err(DbErr::Migration(format!(
                    "two stamps cannot both be the column \"{column}\": give one of them another name"
                )));
            }
        }
        if all.is_empty() {
            return Err(DbErr::Migration(
                "a stamped table needs at least one stamp: leave one of the four in".to_owned(),
            ));
        }
        Ok(())
    }
}

impl StampedTable {
    /// The table of this name.
    pub fn new(table: impl IntoTableRef) -> Self {
        Self {
            table: table.into_table_ref(),
            stamps: Stamps::default(),
            by: ColumnType::BigInteger,
        }
    }

    /// Sets the type of the two actor columns: the type of the ids of your users.
    pub fn by(mut self, column_type: ColumnType) -> Self {
        self.by = column_type;
        self
    }

    /// The type of the actor columns as SQL text, as the author of the migration wrote it.
    pub(crate) fn by_type(&self) -> String {
        let added = Table::alter()
            .table("t")
            .add_column(ColumnDef::new_with_type("c", self.by.clone()))
            .to_string(PostgresQueryBuilder);
        added
            .trim_start_matches(r#"ALTER TABLE "t" ADD COLUMN "c" "#)
            .to_owned()
    }
}

macro_rules! stamps {
    ($($stamp:ident, $named:ident, $without:ident, $meaning:literal;)*) => {
        impl StampedTable {
            $(
                #[doc = concat!("Sets the name of the column that records ", $meaning, ", instead of `", stringify!($stamp), "`.")]
                pub fn $named(mut self, name: impl Into<String>) -> Self {
                    self.stamps.$stamp = Some(name.into());
                    self
                }

                #[doc = concat!("Does not record ", $meaning, ".")]
                pub fn $without(mut self) -> Self {
                    self.stamps.$stamp = None;
                    self
                }
            )*
        }
    };
}

stamps! {
    created_at, created_at_column, without_created_at, "when a row was created";
    created_by, created_by_column, without_created_by, "who created a row";
    updated_at, updated_at_column, without_updated_at, "when a row was changed last";
    updated_by, updated_by_column, without_updated_by, "who changed a row last";
}

impl<T: IntoTableRef> From<T> for StampedTable {
    fn from(table: T) -> Self {
        Self::new(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_need_distinct_names_and_at_least_one() {
        assert!(Stamps::default().check().is_ok());
        let twice = StampedTable::new("t").created_at_column("updated_at");
        assert!(twice.stamps.check().is_err());
        let none = StampedTable::new("t")
            .without_created_at()
            .without_created_by()
            .without_updated_at()
            .without_updated_by();
        assert!(none.stamps.check().is_err());
    }

    #[test]
    fn actor_type_is_written_as_the_migration_declares_it() {
        let by = |column_type| StampedTable::new("t").by(column_type).by_type();
        assert_eq!(by(ColumnType::BigInteger), "bigint");
        assert_eq!(by(ColumnType::string(Some(40))), "varchar(40)");
    }
}

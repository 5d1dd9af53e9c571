//! What a migration declares about a table and its archive table.

use sea_orm_migration::{
    DbErr,
    sea_query::{
        ColumnDef, ColumnType, IntoTableRef, PostgresQueryBuilder, Table, TableAlterStatement,
        TableCreateStatement, TableRef,
    },
};

use crate::name::{self, quote};

/// A table that is created together with its archive table.
///
/// It is built from a [`TableCreateStatement`]. By default the name of the archive table is `deleted_` and the name of
/// the table, and `deleted_by` is a bigint.
///
/// ```
/// use sea_orm_archive_migration::ArchivedTable;
/// use sea_orm_migration::prelude::*;
///
/// let invoices = ArchivedTable::new(
///     Table::create()
///         .table("invoices")
///         .col(ColumnDef::new("id").uuid().not_null().primary_key())
///         .col(ColumnDef::new("deleted_at").date()),
/// )
/// .archive_table("invoice_archive")
/// .deleted_at_column("archived_at")
/// .deleted_by(ColumnType::Uuid);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ArchivedTable {
    pub(crate) create: TableCreateStatement,
    pub(crate) sequence: Option<TableRef>,
    pub(crate) archive_table: ArchiveTableOptions,
}

/// An existing table that gets an archive table.
///
/// It is built from anything that names a table.
///
/// ```
/// use sea_orm_archive_migration::ExistingTable;
/// use sea_orm_migration::prelude::*;
///
/// let invoices = ExistingTable::new(("billing", "invoices")).deleted_by(ColumnType::Text);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ExistingTable {
    pub(crate) table: TableRef,
    pub(crate) archive_table: ArchiveTableOptions,
}

/// The names of the archive table and its added columns.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveTableOptions {
    pub(crate) name: Option<String>,
    pub(crate) deleted_at: String,
    pub(crate) deleted_by: String,
    pub(crate) deleted_by_type: ColumnType,
    pub(crate) archival_id: String,
    pub(crate) archivals_per_partition: Option<u32>,
}

impl Default for ArchiveTableOptions {
    fn default() -> Self {
        Self {
            name: None,
            deleted_at: "deleted_at".to_owned(),
            deleted_by: "deleted_by".to_owned(),
            deleted_by_type: ColumnType::BigInteger,
            archival_id: "archival_id".to_owned(),
            archivals_per_partition: None,
        }
    }
}

impl ArchiveTableOptions {
    /// The name of the archive table of the table called `active`.
    pub(crate) fn archive_table_of(&self, active: &str) -> Result<String, DbErr> {
        match &self.name {
            Some(archive_table) => Ok(archive_table.clone()),
            None => name::default_archive_table(active),
        }
    }

    /// The names of the added columns, in their order.
    pub(crate) fn added(&self) -> [&str; 3] {
        [&self.deleted_at, &self.deleted_by, &self.archival_id]
    }

    /// The statement that adds these columns to `archive_table`.
    pub(crate) fn add_columns(&self, schema: &str, archive_table: &str) -> TableAlterStatement {
        Table::alter()
            .table((schema.to_owned(), archive_table.to_owned()))
            .add_column(
                ColumnDef::new(self.deleted_at.clone())
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .add_column(self.deleted_by_definition())
            .add_column(
                ColumnDef::new(self.archival_id.clone())
                    .big_integer()
                    .not_null(),
            )
            .to_owned()
    }

    /// The statement that creates `archive_table` as the partitioned archive table of `active`, both as SQL. PostgreSQL needs the column of
    /// the partition key in it, so it has all of them, in their order.
    pub(crate) fn create_partitioned(&self, archive_table: &str, active: &str) -> String {
        let [deleted_at, deleted_by, archival_id] = self.added().map(quote);
        format!(
            "CREATE TABLE {archive_table} (LIKE {active}, {deleted_at} timestamp with time zone NOT NULL, {deleted_by} {}, \
             {archival_id} bigint NOT NULL) PARTITION BY RANGE ({archival_id})",
            self.deleted_by_type()
        )
    }

    /// The type of `deleted_by` as SQL text, as the author of the migration wrote it.
    pub(crate) fn deleted_by_type(&self) -> String {
        let added = Table::alter()
            .table("t")
            .add_column(ColumnDef::new_with_type("c", self.deleted_by_type.clone()))
            .to_string(PostgresQueryBuilder);
        added
            .trim_start_matches(r#"ALTER TABLE "t" ADD COLUMN "c" "#)
            .to_owned()
    }

    fn deleted_by_definition(&self) -> ColumnDef {
        ColumnDef::new_with_type(self.deleted_by.clone(), self.deleted_by_type.clone())
    }
}

impl ArchivedTable {
    /// The table of this statement.
    pub fn new(create: impl std::borrow::Borrow<TableCreateStatement>) -> Self {
        Self {
            create: create.borrow().clone(),
            sequence: None,
            archive_table: ArchiveTableOptions::default(),
        }
    }

    /// Creates this sequence before the table, for a key whose default draws from it.
    ///
    /// A key with `auto_increment()` does not need this: PostgreSQL creates its sequence. The column of the key owns
    /// the sequence afterwards, so that it is dropped with the table.
    ///
    /// ```
    /// use sea_orm_archive_migration::ArchivedTable;
    /// use sea_orm_migration::prelude::*;
    ///
    /// let posts = ArchivedTable::new(
    ///     Table::create().table("posts").col(
    ///         ColumnDef::new("id")
    ///             .big_integer()
    ///             .default(Expr::cust("nextval('post_id_seq')"))
    ///             .primary_key(),
    ///     ),
    /// )
    /// .sequence("post_id_seq");
    /// ```
    pub fn sequence(mut self, sequence: impl IntoTableRef) -> Self {
        self.sequence = Some(sequence.into_table_ref());
        self
    }
}

impl ExistingTable {
    /// The table of this name.
    pub fn new(table: impl IntoTableRef) -> Self {
        Self {
            table: table.into_table_ref(),
            archive_table: ArchiveTableOptions::default(),
        }
    }
}

/// The options of both a new table and an existing one.
macro_rules! archive_table_options {
    ($table:ident) => {
        impl $table {
            /// Sets the name of the archive table, which is in the schema of its table.
            pub fn archive_table(mut self, name: impl Into<String>) -> Self {
                self.archive_table.name = Some(name.into());
                self
            }

            /// Sets the type of the column that records who archived a row. The default is bigint.
            pub fn deleted_by(mut self, column_type: ColumnType) -> Self {
                self.archive_table.deleted_by_type = column_type;
                self
            }

            /// Sets the name of the column that records when a row was archived, instead of `deleted_at`.
            pub fn deleted_at_column(mut self, name: impl Into<String>) -> Self {
                self.archive_table.deleted_at = name.into();
                self
            }

            /// Sets the name of the column that records who archived a row, instead of `deleted_by`.
            pub fn deleted_by_column(mut self, name: impl Into<String>) -> Self {
                self.archive_table.deleted_by = name.into();
                self
            }

            /// Sets the name of the column that refers to the archival of a row, instead of `archival_id`.
            pub fn archival_id_column(mut self, name: impl Into<String>) -> Self {
                self.archive_table.archival_id = name.into();
                self
            }

            /// Partitions the archive table by the ids of archivals, so many archivals for each partition: a purge of what has expired
            /// then empties a whole partition at once. Only a new archive table can be partitioned.
            ///
            /// Give the tables of a tree the same number. Partitions are created ahead by
            /// [`make_archive_partitions`](crate::ArchiveSchema::make_archive_partitions), to be called from cron.
            pub fn partitioned_by_archivals(mut self, archivals: u32) -> Self {
                self.archive_table.archivals_per_partition = Some(archivals);
                self
            }
        }
    };
}

archive_table_options!(ArchivedTable);
archive_table_options!(ExistingTable);

impl From<TableCreateStatement> for ArchivedTable {
    fn from(create: TableCreateStatement) -> Self {
        Self::new(create)
    }
}

/// For a chain of methods of `Table::create()`, which ends in a reference.
impl From<&mut TableCreateStatement> for ArchivedTable {
    fn from(create: &mut TableCreateStatement) -> Self {
        Self::new(&*create)
    }
}

impl From<&TableCreateStatement> for ArchivedTable {
    fn from(create: &TableCreateStatement) -> Self {
        Self::new(create)
    }
}

impl<T: IntoTableRef> From<T> for ExistingTable {
    fn from(table: T) -> Self {
        Self::new(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_columns_have_the_given_names_and_types() {
        let mut options = ArchiveTableOptions {
            deleted_by_type: ColumnType::string(Some(40)),
            ..ArchiveTableOptions::default()
        };
        options.deleted_at = "archived \"at\"".to_owned();
        let sql = options.add_columns("shop", "deleted_orders");
        assert_eq!(
            sql.to_string(PostgresQueryBuilder),
            [
                r#"ALTER TABLE "shop"."deleted_orders""#,
                r#"ADD COLUMN "archived ""at""" timestamp with time zone NOT NULL,"#,
                r#"ADD COLUMN "deleted_by" varchar(40),"#,
                r#"ADD COLUMN "archival_id" bigint NOT NULL"#,
            ]
            .join(" ")
        );
        assert_eq!(options.deleted_by_type(), "varchar(40)");
    }
}

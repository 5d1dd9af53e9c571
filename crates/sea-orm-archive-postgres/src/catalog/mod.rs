//! A table and its unique indexes, as the catalog describes them: what plans, statements, comparisons and migrations share.

mod table;
mod unique;

pub use table::{
    ArchiveTable, Column, Exclusion, ForeignKey, ForeignKeyColumn, Form, KeyColumn, OnDelete,
    RowTrigger, Table, TableId,
};
pub use unique::{IndexPart, UniqueIndex};

/// The bodies of the functions `archive.describe_tables` and `archive.describe_unique_indexes`, which return these descriptions.
pub const BODIES: [&str; 2] = [include_str!("read.sql"), include_str!("unique.sql")];

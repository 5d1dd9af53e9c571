//! The schema `archive` and the statements of the migration helpers, by feature.

mod version;

pub mod adopt;
pub mod archive_table;
pub mod audit;
pub mod core;
pub mod guard;
pub mod history;
pub mod stamps;
pub mod table_names;
pub mod tenancy;

pub use version::{VERSION, Version};

/// A trigger of the application, with why it cannot be replaced.
pub const TRIGGER: &str = include_str!("trigger.sql");

/// Whether an archive or a restore writes to a table.
pub const IS_MOVED: &str = "SELECT EXISTS (
           SELECT FROM archive.archived_table AS r
           WHERE r.active = coalesce(pg_catalog.pg_partition_root($1::pg_catalog.regclass), $1::pg_catalog.regclass))
       OR EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS c JOIN archive.archived_table AS r ON r.active = c.confrelid
           WHERE c.contype = 'f' AND c.conrelid = $1::pg_catalog.regclass) AS is_moved";

/// The triggers of the application whose condition calls archive.is_moving().
pub const SUSPENDED: &str = "SELECT pg_catalog.concat(n.nspname, '.', c.relname) AS name, c.relname::pg_catalog.text AS table, t.tgname::pg_catalog.text AS trigger
    FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_catalog.pg_depend AS d ON d.objid = t.oid
    WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      AND d.refobjid = pg_catalog.to_regprocedure('archive.is_moving(regclass)')
    ORDER BY name, trigger";

//! The SQL that sea-orm-archive sends to PostgreSQL, as text: names, statements, the installed schema.
//!
//! The runtime and the migrations use this crate. It has no entities, no verbs and no connection: it writes SQL from
//! descriptions of tables and classifies the framework's error codes. An application does not use it.

pub mod catalog;
pub mod compare;
pub mod emit;
pub mod ident;
pub mod model;
pub mod schema;
pub mod sqlstate;
pub mod template;

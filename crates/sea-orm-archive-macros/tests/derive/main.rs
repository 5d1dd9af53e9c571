//! What the derives generate for an entity, in every format. No database is needed.

mod columns;
mod compact;
mod comparison;
mod dense;
mod generated;
mod history;
mod keys;
mod locking;
mod names;
mod over_relation;
mod personal;
mod serialized;
mod shown;

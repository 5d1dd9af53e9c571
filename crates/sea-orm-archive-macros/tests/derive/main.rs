//! What the derives give an entity, in every format; no database needed.

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
mod serialized;
mod shown;

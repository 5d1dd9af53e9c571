//! Valid-time history: the tables, and the foreign keys to the version valid at a time.

mod adopt;
mod child;
pub mod company;
mod parent;
mod races;
mod readable;
mod registered;
mod shapes;
mod split;
mod table;

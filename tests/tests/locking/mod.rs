//! Optimistic locking: no writer overwrites a change that it has not read, with one writer and with many.

mod archive;
mod conflicts;
mod hammer;
mod notes;
mod races;
mod shapes;
mod writes;

//! Trees of many shapes, calls, conflicts and refusals.

mod calls;
mod conflicts;
mod database;
mod detached;
mod refusals;
mod shapes;
mod sizes;
mod types;

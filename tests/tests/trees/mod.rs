//! Trees of every shape, and what is refused.

mod calls;
mod conflicts;
mod database;
mod detached;
mod refusals;
mod shapes;
mod types;

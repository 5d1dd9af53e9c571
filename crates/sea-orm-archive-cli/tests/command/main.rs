//! The command, run as a program, with a terminal and without one.

mod adopt;
mod changes;
mod entities;
mod events;
#[rustfmt::skip]
mod generated;
mod generate;
mod guide;
mod lists;
mod program;
mod terminal;
mod undo;

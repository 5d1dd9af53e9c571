//! The command, run as a program, with a terminal and without one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is tests")]

mod adopt;
mod attacked;
mod changes;
mod entities;
mod events;
#[rustfmt::skip]
mod generated;
mod generate;
mod guide;
mod help;
mod interrupted;
mod lists;
mod program;
mod search_path;
mod terminal;
mod undo;

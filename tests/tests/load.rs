//! Many sessions at once, and servers that are killed. These tests use every core, so they are a binary of their own:
//! they would slow down tests that wait for a lock.

mod crash;
mod hammer;
mod history_hammer;

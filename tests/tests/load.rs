//! Many sessions at once, and servers that are killed: tests that keep every core busy, in a binary of their own so that
//! they do not take the time of tests that wait for a lock.

mod crash;
mod hammer;
mod history_hammer;

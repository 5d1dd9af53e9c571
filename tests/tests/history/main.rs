//! Valid time, end to end: what the verbs write, and what is read.

mod departments;
mod operations;

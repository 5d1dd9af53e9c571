//! Valid time, end to end: what the verbs write, and what is read.

mod bitemporal;
mod departments;
mod operations;
mod reads;
mod shapes;

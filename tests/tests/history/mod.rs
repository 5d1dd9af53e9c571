//! Valid time, end to end: what the verbs write, and what reads return.

mod archived;
mod archived_both;
mod audits;
mod bitemporal;
mod calls;
mod compare;
mod departments;
mod model;
mod operations;
mod operations_disturbed;
mod perform;
mod plain_sql;
mod properties;
mod races;
mod reads;
mod seed;
mod shapes;
mod tables;
mod unsafe_tables;

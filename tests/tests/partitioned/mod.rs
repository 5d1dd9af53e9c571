//! Archive tables that are partitioned by the ids of archivals.

mod attacked;
mod keys;
mod library;
mod migrations;
mod moves;
mod others;
mod purges;
mod races;

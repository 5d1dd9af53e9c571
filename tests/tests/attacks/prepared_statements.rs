//! Prepared statements that an earlier user of a session left behind.

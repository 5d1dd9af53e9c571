//! What everybody builds by hand, and what is here instead: audit timestamps, the audit log, soft delete, optimistic
//! locking and row-level security, on one table that has all five; and the points of the checklist for soft delete
//! and audit trails.

mod checklist;
mod company;
mod five;

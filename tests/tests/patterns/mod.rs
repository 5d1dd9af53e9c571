//! Five patterns that applications often implement themselves: audit timestamps, the audit log, soft delete, optimistic
//! locking and row-level security, on one table with all five; and a checklist for soft delete and audit trails.

mod checklist;
mod company;
mod five;

//! Attacks from the database side, each run as the role that would attempt it: forged entries of the audit log, code
//! of one role that runs with the rights of another, values that a role may not read, and archival records of others.

mod archival_records;
mod audit_grants;
mod audited;
mod blog;
mod casts;
mod decoding;
mod exact_keys;
mod forged_moves;
mod prepared_statements;
mod redaction;
mod rows_that_stay;
mod search_path;
mod temp_types;
mod tenant_types;
mod trust;

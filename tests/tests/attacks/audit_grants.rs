//! What reading the audit log and maintaining it each allow.

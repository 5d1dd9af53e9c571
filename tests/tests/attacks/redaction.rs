//! The values of redacted columns, and what depends on them.

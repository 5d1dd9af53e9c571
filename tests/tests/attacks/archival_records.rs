//! Archival records and detached links of tables on which a role has no rights.

-- The reverse of grant.sql, but for USAGE of the schema, which archives and restores need too.
REVOKE SELECT ON archive.audit_entry, archive.audit_details, archive.audited_table FROM {role};

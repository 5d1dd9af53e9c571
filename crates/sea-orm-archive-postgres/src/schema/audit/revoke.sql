-- The reverse of grant.sql, except USAGE of the schema, which archives and restores also need.
REVOKE SELECT ON archive.audit_entry, archive.audit_details, archive.audited_table FROM {role};

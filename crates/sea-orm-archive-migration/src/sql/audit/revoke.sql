-- The reverse of grant.sql, but for USAGE of the schema, which archives and restores need too.
REVOKE EXECUTE ON FUNCTION archive.make_audit_partitions(integer) FROM {role};
REVOKE SELECT ON archive.audit_entry, archive.audit_details, archive.audited_table FROM {role};

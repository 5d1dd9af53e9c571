-- The reverse of maintenance_grant.sql, but for USAGE of the schema, which archives, restores and reads need too.
REVOKE EXECUTE ON FUNCTION archive.make_audit_partitions(integer) FROM {role};

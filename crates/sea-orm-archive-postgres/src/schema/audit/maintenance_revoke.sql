-- The reverse of maintenance_grant.sql, except USAGE of the schema, which archives, restores and reads also need.
REVOKE EXECUTE ON FUNCTION archive.make_audit_partitions(integer), archive.expired_audit(), archive.drop_expired_audit() FROM {role};

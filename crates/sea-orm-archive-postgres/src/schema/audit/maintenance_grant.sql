-- The rights that a role needs to create partitions of the log and to drop expired ones. It may read no entry with them.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT EXECUTE ON FUNCTION archive.make_audit_partitions(integer), archive.expired_audit(), archive.drop_expired_audit() TO {role};

-- The rights that a role needs to create partitions of the log. It may read no entry with them.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT EXECUTE ON FUNCTION archive.make_audit_partitions(integer) TO {role};

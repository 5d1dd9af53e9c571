-- What a role needs to make partitions of the log. It reads no entry by that.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT EXECUTE ON FUNCTION archive.make_audit_partitions(integer) TO {role};

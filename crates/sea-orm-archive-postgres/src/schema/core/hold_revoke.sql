-- The reverse of hold_grant.sql. USAGE on the schema stays: other grants need it, and it allows nothing alone.
REVOKE SELECT ON archive.hold FROM {role};
REVOKE EXECUTE ON FUNCTION archive.place_hold(bigint, regclass, jsonb, text, text, timestamptz), archive.release_hold(bigint, text, text) FROM {role};

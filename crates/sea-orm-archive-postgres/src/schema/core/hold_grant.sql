-- The rights that a role needs to place, release and list holds, beyond SELECT on the tables of the rows that it holds.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.hold, archive.tenancy TO {role};
GRANT EXECUTE ON FUNCTION archive.place_hold(bigint, regclass, jsonb, text, text, timestamptz, boolean), archive.release_hold(bigint, text, text) TO {role};

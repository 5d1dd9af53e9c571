-- The reverse of hold_grant.sql, except for what a role with grant_archive or grant_audit also needs. USAGE on the schema stays: it allows
-- nothing alone.
REVOKE SELECT ON archive.hold FROM {role};
REVOKE EXECUTE ON FUNCTION archive.place_hold(bigint, regclass, jsonb, text, text, timestamptz, boolean), archive.release_hold(bigint, text, text) FROM {role};
DO $revoke$
BEGIN
    IF NOT pg_catalog.has_table_privilege({role_name}, 'archive.archived_table', 'SELECT')
       AND NOT pg_catalog.has_table_privilege({role_name}, 'archive.erasure', 'SELECT')
       AND NOT pg_catalog.has_table_privilege({role_name}, 'archive.event', 'SELECT')
       AND pg_catalog.has_table_privilege({role_name}, pg_catalog.to_regclass('archive.audit_entry'), 'SELECT') IS NOT TRUE THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.tenancy FROM %I', {role_name});
    END IF;
END
$revoke$;

-- The reverse of erasure_grant.sql, except for what a role with another grant also needs. USAGE on the schema stays: it allows nothing alone.
REVOKE SELECT ON archive.erasure, archive.erased_place FROM {role};
DO $revoke$
DECLARE
    called pg_catalog.regprocedure;
BEGIN
    FOR called IN SELECT f.oid FROM pg_catalog.pg_proc AS f
                  WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND pg_catalog.starts_with(f.proname, 'erasure_')
    LOOP
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM %I', called, {role_name});
    END LOOP;
    IF NOT pg_catalog.has_table_privilege({role_name}, 'archive.archived_table', 'SELECT') THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.personal_data FROM %I', {role_name});
    END IF;
    IF NOT pg_catalog.has_table_privilege({role_name}, 'archive.archived_table', 'SELECT')
       AND NOT pg_catalog.has_table_privilege({role_name}, 'archive.hold', 'SELECT')
       AND pg_catalog.has_table_privilege({role_name}, pg_catalog.to_regclass('archive.audit_entry'), 'SELECT') IS NOT TRUE THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.tenancy FROM %I', {role_name});
    END IF;
END
$revoke$;

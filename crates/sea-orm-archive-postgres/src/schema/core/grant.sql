-- The rights that a role needs to archive and restore, beyond its grants on the tables themselves.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.archival, archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.stamped_table, archive.personal_data, archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found TO {role};
DO $grant$
DECLARE
    called pg_catalog.regprocedure;
BEGIN
    -- Without the functions that maintain the audit log, which grant_audit_maintenance() allows, and those of grant_holds() and grant_erasure().
    FOR called IN SELECT f.oid FROM pg_catalog.pg_proc AS f
                  WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND f.proname NOT IN ('make_audit_partitions', 'expired_audit', 'drop_expired_audit', 'place_hold', 'release_hold')
                    AND NOT pg_catalog.starts_with(f.proname, 'erasure_')
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', called, {role_name});
    END LOOP;
END
$grant$;

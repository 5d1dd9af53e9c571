-- The rights that a role needs to archive and restore, beyond its grants on the tables themselves.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.archival, archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.stamped_table, archive.guarded_table, archive.personal_data, archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found, archive.event_lock TO {role};
DO $grant$
DECLARE
    called pg_catalog.regprocedure;
BEGIN
    -- Without the functions that maintain the audit log, which grant_audit_maintenance() allows, and those of grant_holds(), grant_erasure() and grant_events().
    FOR called IN SELECT f.oid FROM pg_catalog.pg_proc AS f
                  WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND f.proname NOT IN ('make_audit_partitions', 'expired_audit', 'drop_expired_audit', 'place_hold', 'release_hold',
                                                                               'require_events', 'latest_event', 'lock_consumer', 'acknowledge_events', 'remove_consumer')
                    AND NOT pg_catalog.starts_with(f.proname, 'erasure_')
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', called, {role_name});
    END LOOP;
END
$grant$;

-- The reverse of grant.sql, except for what a role with another grant also needs.
REVOKE SELECT ON archive.archival, archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.stamped_table, archive.guarded_table, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found, archive.event_lock FROM {role};
DO $revoke$
DECLARE
    called    pg_catalog.regprocedure;
    reads     boolean := coalesce(has_table_privilege({role_name}, to_regclass('archive.audit_entry'), 'SELECT'), false);
    holds     boolean := coalesce(has_function_privilege({role_name}, to_regprocedure('archive.release_hold(bigint,text,text)'), 'EXECUTE'), false);
    erases    boolean := coalesce(has_function_privilege({role_name}, to_regprocedure('archive.erasure_lock(bigint)'), 'EXECUTE'), false);
    follows   boolean := coalesce(has_function_privilege({role_name}, to_regprocedure('archive.require_events(bigint)'), 'EXECUTE'), false);
    maintains boolean := coalesce(has_function_privilege({role_name}, to_regprocedure('archive.make_audit_partitions(integer)'), 'EXECUTE'), false);
BEGIN
    FOR called IN SELECT f.oid FROM pg_catalog.pg_proc AS f
                  WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND f.proname NOT IN ('make_audit_partitions', 'expired_audit', 'drop_expired_audit', 'place_hold', 'release_hold',
                                                                               'require_events', 'latest_event', 'lock_consumer', 'acknowledge_events', 'remove_consumer')
                    AND NOT pg_catalog.starts_with(f.proname, 'erasure_')
    LOOP
        EXECUTE pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM %I', called, {role_name});
    END LOOP;
    IF NOT erases THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.personal_data FROM %I', {role_name});
    END IF;
    IF NOT reads AND NOT holds AND NOT erases AND NOT follows THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.tenancy FROM %I', {role_name});
    END IF;
    IF NOT reads AND NOT maintains AND NOT holds AND NOT erases AND NOT follows THEN
        EXECUTE pg_catalog.format('REVOKE USAGE ON SCHEMA archive FROM %I', {role_name});
    END IF;
END
$revoke$;

-- The reverse of event_grant.sql, except for what a role with another grant also needs. USAGE on the schema stays: it allows nothing alone.
REVOKE SELECT ON archive.event, archive.event_consumer FROM {role};
REVOKE EXECUTE ON FUNCTION archive.require_events(bigint), archive.latest_event(), archive.lock_consumer(text), archive.acknowledge_events(text, bigint),
    archive.remove_consumer(text) FROM {role};
DO $revoke$
BEGIN
    IF NOT pg_catalog.has_table_privilege({role_name}, 'archive.archived_table', 'SELECT')
       AND NOT pg_catalog.has_table_privilege({role_name}, 'archive.hold', 'SELECT')
       AND pg_catalog.has_table_privilege({role_name}, pg_catalog.to_regclass('archive.audit_entry'), 'SELECT') IS NOT TRUE THEN
        EXECUTE pg_catalog.format('REVOKE SELECT ON archive.tenancy FROM %I', {role_name});
    END IF;
END
$revoke$;

-- What uninstall_archive() drops: what install_archive() created, and nothing that others put beside it.
DROP VIEW IF EXISTS archive.tenancy_found;
DROP VIEW IF EXISTS archive.tenancy_scope;
DROP TABLE IF EXISTS archive.tenancy_object;
DROP TABLE IF EXISTS archive.tenancy;
DROP FUNCTION IF EXISTS archive.is_gone(oid, oid);
DROP FUNCTION IF EXISTS archive.successor(oid);
DROP TABLE IF EXISTS archive.known_table;
DROP TABLE IF EXISTS archive.fresh_look;
DROP TABLE IF EXISTS archive.stamped_table;
DROP TABLE IF EXISTS archive.context_setting;
DROP TABLE IF EXISTS archive.temporal_foreign_key;
DROP TABLE IF EXISTS archive.history_table;
DROP TABLE IF EXISTS archive.detached_link;
DROP TABLE IF EXISTS archive.archived_table;
DROP TABLE IF EXISTS archive.archival;
DROP FUNCTION IF EXISTS archive.run(text[], boolean[], jsonb);
DROP FUNCTION IF EXISTS archive.unchanged(bigint, text[]);
DROP FUNCTION IF EXISTS archive.refuse_old_snapshot(text[]);
DROP FUNCTION IF EXISTS archive.state_now(oid[]);
DROP FUNCTION IF EXISTS archive.tell_state();
DROP FUNCTION IF EXISTS archive.fingerprint(text[]);
DROP FUNCTION IF EXISTS archive.state_of(oid[], boolean);
DROP FUNCTION IF EXISTS archive.stop(text, text);
DROP FUNCTION IF EXISTS archive.actor_as(anyelement);
DROP FUNCTION IF EXISTS archive.set_actor(text);
DROP FUNCTION IF EXISTS archive.set_context(text, text, text, text);
DROP FUNCTION IF EXISTS archive.tenancy_guard();
DROP FUNCTION IF EXISTS archive.tenancy_keep();
DROP FUNCTION IF EXISTS archive.may_read(oid, name[]);
DROP FUNCTION IF EXISTS archive.acts_for_all(name);
DROP FUNCTION IF EXISTS archive.acting_role();
DROP FUNCTION IF EXISTS archive.current_details();
DROP FUNCTION IF EXISTS archive.current_request_id();
DROP FUNCTION IF EXISTS archive.current_tenant();
DROP FUNCTION IF EXISTS archive.current_actor();

-- Without CASCADE: the schema stays as long as it holds anything else.
DO $$
BEGIN
    DROP SCHEMA IF EXISTS archive;
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$;

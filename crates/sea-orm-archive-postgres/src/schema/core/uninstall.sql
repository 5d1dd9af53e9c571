-- What uninstall_archive() drops: the objects that install_archive() created, and no others in the schema.
DROP FUNCTION IF EXISTS archive.move_links(bigint[], regclass, bigint[], jsonb[], text[]);
DROP FUNCTION IF EXISTS archive.forget_links(bigint[], regclass, jsonb[], text[], boolean[]);
DROP FUNCTION IF EXISTS archive.links_of(bigint[]);
DROP FUNCTION IF EXISTS archive.follow_links(bigint[]);
DROP FUNCTION IF EXISTS archive.is_renamed_key(jsonb, jsonb);
DROP FUNCTION IF EXISTS archive.record_links(jsonb, regclass, bigint[], jsonb[], text[], jsonb[], text[]);
DROP FUNCTION IF EXISTS archive.defer_to(bigint[], bigint[], regclass);
DROP FUNCTION IF EXISTS archive.key_defaults(oid[]);
DROP FUNCTION IF EXISTS archive.require_seen(oid[]);
DROP FUNCTION IF EXISTS archive.record_parts(jsonb, bigint, regclass[], bigint[], jsonb[], jsonb[]);
DROP FUNCTION IF EXISTS archive.purge_expired_range(text);
DROP FUNCTION IF EXISTS archive.purge_range(bigint, bigint, text);
DROP FUNCTION IF EXISTS archive.may_truncate(oid, oid, oid);
DROP FUNCTION IF EXISTS archive.make_archive_partitions(integer);
DROP FUNCTION IF EXISTS archive.archive_partitions();
DROP FUNCTION IF EXISTS archive.stop_archived_key(regclass, jsonb);
DROP FUNCTION IF EXISTS archive.preview_expired();
DROP PROCEDURE IF EXISTS archive.purge_all_expired(integer);
DROP FUNCTION IF EXISTS archive.purge_expired(integer, text);
DROP FUNCTION IF EXISTS archive.not_allowed_to_purge();
DROP FUNCTION IF EXISTS archive.delete_expired_records(integer);
DROP FUNCTION IF EXISTS archive.begin_expired(integer);
DROP FUNCTION IF EXISTS archive.lock_retention();
DROP FUNCTION IF EXISTS archive.retained_tables();
DROP FUNCTION IF EXISTS archive.expired_of(oid, integer, bigint[], integer);
DROP FUNCTION IF EXISTS archive.expires_at(timestamptz, integer);
DROP FUNCTION IF EXISTS archive.retention_rule(text, oid, text, jsonb);
DROP TABLE IF EXISTS archive.retention;
DROP FUNCTION IF EXISTS archive.purge_archivals(bigint[], text, text);
DROP FUNCTION IF EXISTS archive.purge_parts(jsonb, text);
DROP FUNCTION IF EXISTS archive.finish_purge(bigint[], text[], jsonb[], text, text);
DROP FUNCTION IF EXISTS archive.begin_purge(bigint[], text);
DROP FUNCTION IF EXISTS archive.parts_of_purge(bigint[], text);
DROP FUNCTION IF EXISTS archive.finish_restores(bigint[], text);
DROP FUNCTION IF EXISTS archive.claim_archivals(bigint[]);
DROP FUNCTION IF EXISTS archive.tables_of(bigint[]);
DROP FUNCTION IF EXISTS archive.require_none_left(bigint[], oid[], text, boolean);
DROP FUNCTION IF EXISTS archive.begin_restore(bigint, text);
DROP FUNCTION IF EXISTS archive.record_archivals(jsonb, regclass[], timestamptz, bigint[], jsonb[], jsonb[], text[]);
DROP FUNCTION IF EXISTS archive.require_drawn(jsonb, bigint[]);
DROP FUNCTION IF EXISTS archive.require_each(bigint[], integer[]);
DROP FUNCTION IF EXISTS archive.draw_archivals(integer);
DROP FUNCTION IF EXISTS archive.signature(text);
DROP FUNCTION IF EXISTS archive.require_tenants(regclass, text[]);
DROP FUNCTION IF EXISTS archive.require_rights(regclass[], boolean);
DROP FUNCTION IF EXISTS archive.may_move(name, regclass, regclass, boolean);
DROP FUNCTION IF EXISTS archive.tenant_text(text, name, oid);
DROP FUNCTION IF EXISTS archive.stays_trusted(regclass);
DROP FUNCTION IF EXISTS archive.require_trusted(regclass);
DROP FUNCTION IF EXISTS archive.require_session();
DROP FUNCTION IF EXISTS archive.acts_for(text);
DROP FUNCTION IF EXISTS archive.exact_json(anyelement);
DROP FUNCTION IF EXISTS archive.exact_value(text, anyelement);
DROP FUNCTION IF EXISTS archive.exact_text(anyelement);
DROP TABLE IF EXISTS archive.signing_key;
DO $$
BEGIN
    DROP FUNCTION archive.record_json(archive.archival);
EXCEPTION WHEN undefined_function OR undefined_object OR undefined_table OR invalid_schema_name THEN
    NULL;
END
$$;
DROP TABLE IF EXISTS archive.archival;
DROP VIEW IF EXISTS archive.tenancy_found;
DROP VIEW IF EXISTS archive.tenancy_scope;
DROP TABLE IF EXISTS archive.tenancy_object;
DROP TABLE IF EXISTS archive.tenancy;
DROP FUNCTION IF EXISTS archive.is_dropped(oid, oid);
DROP FUNCTION IF EXISTS archive.successor(oid);
DROP TABLE IF EXISTS archive.known_table;
DROP TABLE IF EXISTS archive.snapshot_probe;
DROP TABLE IF EXISTS archive.stamped_table;
DROP TABLE IF EXISTS archive.context_setting;
DROP TABLE IF EXISTS archive.temporal_foreign_key;
DROP FUNCTION IF EXISTS archive.follow_renames();
DROP FUNCTION IF EXISTS archive.has_columns(regclass, name[], name);
DROP FUNCTION IF EXISTS archive.names_now(oid, name[], int2[], text);
DROP FUNCTION IF EXISTS archive.numbers_of(oid, name[]);
DROP FUNCTION IF EXISTS archive.place_of(oid);
DO $$
BEGIN
    DROP FUNCTION archive.history_columns(archive.history_table);
EXCEPTION WHEN undefined_function OR undefined_object OR undefined_table OR invalid_schema_name THEN
    NULL;
END
$$;
DROP TABLE IF EXISTS archive.history_table;
DROP TABLE IF EXISTS archive.detached_link;
DROP TABLE IF EXISTS archive.archived_table;
DROP FUNCTION IF EXISTS archive.describe(text[]);
DROP FUNCTION IF EXISTS archive.describe_tables(oid[]);
DROP FUNCTION IF EXISTS archive.describe_unique_indexes(oid[]);
DROP FUNCTION IF EXISTS archive.answer(text, bigint[]);
DROP FUNCTION IF EXISTS archive.schema_version();
DROP FUNCTION IF EXISTS archive.is_moving(regclass);
DROP FUNCTION IF EXISTS archive.suspended_while(oid);
DROP FUNCTION IF EXISTS archive.run_proven(text[], text[], text[], text, jsonb, text[], text[], text[], text);
DROP FUNCTION IF EXISTS archive.run(text[], text[], text[], text, jsonb);
DROP FUNCTION IF EXISTS archive.make_room(text, text[]);
DROP FUNCTION IF EXISTS archive.unchanged(bigint, text[]);
DROP FUNCTION IF EXISTS archive.refuse_old_snapshot(text[]);
DROP FUNCTION IF EXISTS archive.state_now(oid[]);
DROP FUNCTION IF EXISTS archive.report_state();
DROP FUNCTION IF EXISTS archive.fingerprint(text[]);
DROP FUNCTION IF EXISTS archive.state_of(oid[], boolean);
DROP FUNCTION IF EXISTS archive.follow_key();
DROP FUNCTION IF EXISTS archive.mark_deleted();
DROP FUNCTION IF EXISTS archive.runs_other_code(oid);
DROP FUNCTION IF EXISTS archive.is_recorded(oid, int2[]);
DROP FUNCTION IF EXISTS archive.converts(oid, oid);
DROP FUNCTION IF EXISTS archive.of_tenant(oid, text);
DROP FUNCTION IF EXISTS archive.sees_every_row(oid);
DROP FUNCTION IF EXISTS archive.is_trusted(oid);
DROP FUNCTION IF EXISTS archive.stop(text, text);
DROP FUNCTION IF EXISTS archive.actor_as(anyelement);
DROP FUNCTION IF EXISTS archive.set_actor(text);
DROP FUNCTION IF EXISTS archive.set_context(text, text, text, text);
DROP FUNCTION IF EXISTS archive.tenancy_guard();
DROP FUNCTION IF EXISTS archive.tenancy_guard_archived();
DROP FUNCTION IF EXISTS archive.may_read(oid, name[]);
DROP FUNCTION IF EXISTS archive.acts_for_all(name);
DROP FUNCTION IF EXISTS archive.acting_role();
DROP FUNCTION IF EXISTS archive.current_details();
DROP FUNCTION IF EXISTS archive.current_request_id();
DROP FUNCTION IF EXISTS archive.current_tenant();
DROP FUNCTION IF EXISTS archive.current_actor();

-- Without CASCADE: the schema stays while it contains other objects.
DO $$
BEGIN
    DROP SCHEMA IF EXISTS archive;
EXCEPTION WHEN dependent_objects_still_exist THEN
    NULL;
END
$$;

-- The reverse of grant.sql.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA archive FROM {role};
REVOKE USAGE ON SEQUENCE archive.archival_id_seq FROM {role};
REVOKE SELECT, INSERT, UPDATE, DELETE ON archive.detached_link FROM {role};
REVOKE SELECT ON archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found FROM {role};
REVOKE SELECT, INSERT, UPDATE ON archive.archival FROM {role};
REVOKE USAGE ON SCHEMA archive FROM {role};

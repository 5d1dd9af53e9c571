-- The reverse of grant.sql.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA archive FROM {role};
REVOKE SELECT ON archive.archival, archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found FROM {role};
REVOKE USAGE ON SCHEMA archive FROM {role};

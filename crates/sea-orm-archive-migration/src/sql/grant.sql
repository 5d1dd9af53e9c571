-- What a role needs to archive and restore, beyond its grants on the tables themselves.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.archival, archive.archived_table, archive.history_table, archive.temporal_foreign_key,
    archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA archive TO {role};

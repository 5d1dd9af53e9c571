-- What a role needs to archive and restore, beyond its grants on the tables themselves.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT, INSERT, UPDATE ON archive.archival TO {role};
GRANT SELECT ON archive.archived_table, archive.known_table, archive.history_table, archive.temporal_foreign_key,
    archive.tenancy, archive.tenancy_scope, archive.tenancy_object, archive.tenancy_found TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON archive.detached_link TO {role};
GRANT USAGE ON SEQUENCE archive.archival_id_seq TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA archive TO {role};

SELECT l.archive_table, l.archival_id::pg_catalog.text AS archival_id, l.same FROM archive.guard_links($1::bigint::oid, 'o') AS l

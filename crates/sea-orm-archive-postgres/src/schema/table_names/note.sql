-- Deletes the names of tables that were dropped and whose name no other table has.
DELETE FROM archive.known_table AS k WHERE archive.is_dropped(k.relation);
-- Records the name of every registered table, and of every child whose links may be detached. Where another table has the old
-- name of a renamed table, the old name stays until a helper registers or unregisters that other table.
WITH registered AS (
    {registered}
),
known AS (
    SELECT r.relation FROM registered AS r
    UNION SELECT a.active FROM archive.archived_table AS a
    UNION SELECT a.archive_table FROM archive.archived_table AS a
    UNION SELECT h.identity FROM archive.history_table AS h
    UNION SELECT o.relation FROM archive.tenancy_object AS o WHERE o.kind = 'policy'
    UNION
    SELECT f.conrelid FROM pg_catalog.pg_constraint AS f JOIN archive.archived_table AS a ON a.active = f.confrelid
    WHERE f.contype = 'f'
)
INSERT INTO archive.known_table AS k (relation, schema_name, table_name)
SELECT c.oid, n.nspname, c.relname
FROM known
JOIN pg_catalog.pg_class AS c ON c.oid = known.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname <> 'archive'
ON CONFLICT (relation) DO UPDATE SET schema_name = EXCLUDED.schema_name, table_name = EXCLUDED.table_name
WHERE (k.schema_name, k.table_name) IS DISTINCT FROM (EXCLUDED.schema_name, EXCLUDED.table_name)
  AND archive.successor(k.relation) IS NULL

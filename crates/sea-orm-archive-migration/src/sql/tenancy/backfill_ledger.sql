-- Whose the archivals are that hold rows of a table: {twin} is its archive table, or nothing of that shape. Of one that
-- was restored nothing is left to say it: the row that has its key now may be another one. An archival without a row
-- of this table is for the other tables to tell.
UPDATE archive.archival AS a
SET tenant = coalesce(
    (SELECT pg_catalog.min(d.{column}::text) FROM {twin} AS d WHERE d.{archival_id} = a.id),
    CASE WHEN a.row_counts->>{name} IS DISTINCT FROM '0' THEN '' END)
WHERE (a.tenant IS NULL OR a.tenant = '' AND a.restored_at IS NULL) AND {table}::regclass::oid = ANY (a.tables::oid[]);
UPDATE archive.detached_link AS l SET tenant = a.tenant
FROM archive.archival AS a WHERE a.id = l.archival_id AND l.tenant IS DISTINCT FROM a.tenant;

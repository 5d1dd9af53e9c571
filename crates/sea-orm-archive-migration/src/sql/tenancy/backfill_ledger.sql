-- Whose the archivals are that hold rows of a table: {twin} is its archive table, or nothing of that shape.
UPDATE archive.archival AS a
SET tenant = coalesce(
    (SELECT pg_catalog.min(d.{column}::text) FROM {twin} AS d WHERE d.{archival_id} = a.id),
    CASE WHEN a.tables[1] = {table}::regclass THEN coalesce(
        (SELECT t.{column}::text FROM {active} AS t WHERE a.root_key = pg_catalog.jsonb_build_object({key})), '') END)
WHERE a.tenant IS NULL AND {table}::regclass::oid = ANY (a.tables::oid[]);
UPDATE archive.detached_link AS l SET tenant = a.tenant
FROM archive.archival AS a WHERE a.id = l.archival_id AND l.tenant IS DISTINCT FROM a.tenant;

-- What was a tenant's for rows of tables that are under tenancy no more is for everybody again, as those tables are.
UPDATE archive.archival AS a
SET tenant = NULL
WHERE a.tenant IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM archive.tenancy_scope AS s
      JOIN pg_catalog.pg_class AS c ON c.oid = s.relation
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      WHERE s.relation = ANY (a.tables::oid[])
        AND a.row_counts->>pg_catalog.concat(n.nspname, '.', c.relname) IS DISTINCT FROM '0')
  AND NOT EXISTS (
      SELECT FROM archive.detached_link AS l JOIN archive.tenancy_scope AS s ON s.relation = l.child
      WHERE l.archival_id = a.id);
UPDATE archive.detached_link AS l SET tenant = a.tenant
FROM archive.archival AS a WHERE a.id = l.archival_id AND l.tenant IS DISTINCT FROM a.tenant;

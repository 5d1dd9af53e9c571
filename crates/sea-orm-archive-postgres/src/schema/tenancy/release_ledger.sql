-- What was a tenant's for rows of tables that are under tenancy no more is for everybody again, as those tables are. A link
-- that was not the archival's is nobody's from now on.
WITH released AS (
    SELECT a.id, a.tenant AS before
    FROM archive.archival AS a
    WHERE a.tenant IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM archive.tenancy_scope AS s
          JOIN pg_catalog.pg_class AS c ON c.oid = s.relation
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE s.relation = ANY (a.tables::oid[])
            AND a.row_counts->>pg_catalog.concat(n.nspname, '.', c.relname) IS DISTINCT FROM '0')
      AND NOT EXISTS (
          SELECT FROM archive.detached_link AS l JOIN archive.tenancy_scope AS s ON s.relation = l.child
          WHERE l.archival_id = a.id AND l.tenant IS NOT DISTINCT FROM a.tenant)
),
given AS (
    UPDATE archive.archival AS a SET tenant = NULL FROM released AS r WHERE a.id = r.id RETURNING a.id, r.before
)
UPDATE archive.detached_link AS l SET tenant = CASE WHEN l.tenant IS DISTINCT FROM g.before THEN '' END FROM given AS g
WHERE l.archival_id = g.id;

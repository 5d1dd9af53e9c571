-- Whose the archivals are that hold rows of a table, or links that they cut there. Its rows tell it, active and archived,
-- by their key and tenant. Of an archival that was restored nothing is left to say it: the row that has its key now may
-- be another one. An archival without anything of this table is for the other tables to tell. A link goes along where it
-- was the archival's before, and was not cut from a table that was under tenancy already, or the archival had been its
-- tenant's. What else is there somebody has written by hand.
WITH linked AS MATERIALIZED (
    SELECT l.archival_id, pg_catalog.min(r.tenant) AS tenant
    FROM archive.detached_link AS l
    JOIN archive.archival AS a ON a.id = l.archival_id AND a.restored_at IS NULL AND l.tenant IS NOT DISTINCT FROM a.tenant
    JOIN ({rows}) AS r (key, tenant) ON r.key = l.child_key
    WHERE l.child = {table}::regclass
    GROUP BY l.archival_id
),
told AS (
    SELECT a.id, a.tenant AS before, coalesce(
               (SELECT pg_catalog.min({tenant_of_d}) FROM {twin} AS d WHERE d.{archival_id} = a.id),
               (SELECT l.tenant FROM linked AS l WHERE l.archival_id = a.id),
               CASE WHEN {table}::regclass::oid = ANY (a.tables::oid[]) AND a.row_counts->>{name} IS DISTINCT FROM '0' THEN '' END) AS tenant
    FROM archive.archival AS a
    WHERE (a.tenant IS NULL OR a.tenant = '' AND a.restored_at IS NULL)
      AND ({table}::regclass::oid = ANY (a.tables::oid[]) OR a.id IN (SELECT l.archival_id FROM linked AS l))
),
given AS (
    UPDATE archive.archival AS a SET tenant = t.tenant FROM told AS t
    WHERE a.id = t.id AND a.tenant IS DISTINCT FROM t.tenant
    RETURNING a.id, t.before, t.tenant
)
UPDATE archive.detached_link AS l SET tenant = g.tenant FROM given AS g
WHERE l.archival_id = g.id AND l.tenant IS NOT DISTINCT FROM g.before
  AND (l.child = {table}::regclass OR NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = l.child));

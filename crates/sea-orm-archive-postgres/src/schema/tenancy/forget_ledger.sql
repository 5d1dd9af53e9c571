-- Another column says now whose a row of a table is: what its archivals say is of the earlier one. Of those that were
-- restored nothing tells it again; the others are asked anew, unless they hold rows of other tables that say it.
WITH told AS (
    SELECT a.id, a.tenant AS before, CASE WHEN a.restored_at IS NOT NULL THEN '' END AS tenant
    FROM archive.archival AS a
    WHERE a.tenant <> '' AND {table}::regclass::oid = ANY (a.tables::oid[])
      AND (a.restored_at IS NOT NULL
           OR NOT EXISTS (SELECT FROM archive.tenancy_scope AS s
                          WHERE s.relation = ANY (a.tables::oid[]) AND s.relation <> {table}::regclass))
),
given AS (
    UPDATE archive.archival AS a SET tenant = t.tenant FROM told AS t WHERE t.id = a.id RETURNING a.id, t.before, t.tenant
)
UPDATE archive.detached_link AS l SET tenant = CASE WHEN l.tenant IS DISTINCT FROM g.before THEN '' ELSE g.tenant END FROM given AS g
WHERE l.archival_id = g.id;

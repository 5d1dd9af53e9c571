-- Gives archivals another tenant: {wanted} are their ids, the tenants that they have, and those that they get.
--
-- A link of the archival has the same tenant, so it follows. One that has another tenant was written with plain SQL, and
-- stays different. Such a link may also have no tenant, as links have that were cut before tenancy: it is told from
-- those by its table, where that was under tenancy before {origin}.
--
-- Race: an archive or a restore of these tables has ended, or waits for the lock on them. A restore of other rows of the
-- archival commits first, or gets a deadlock.
WITH wanted (id, before, tenant) AS ({wanted}),
given AS (
    UPDATE archive.archival AS a SET tenant = w.tenant FROM wanted AS w
    WHERE a.id = w.id AND a.tenant IS NOT DISTINCT FROM w.before AND w.tenant IS DISTINCT FROM w.before
    RETURNING w.id, w.before, w.tenant
),
followed AS (
    UPDATE archive.detached_link AS l
    SET tenant = CASE WHEN l.tenant IS NOT DISTINCT FROM g.before THEN g.tenant ELSE g.before END
    FROM given AS g
    WHERE l.archival_id = g.id
      AND (l.tenant IS NOT DISTINCT FROM g.tenant
           OR l.tenant IS NOT DISTINCT FROM g.before
              AND (l.tenant IS NOT NULL
                   OR NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = l.child AND s.origin <> {origin}::bigint::oid)))
)
SELECT pg_catalog.count(*) AS archivals FROM given

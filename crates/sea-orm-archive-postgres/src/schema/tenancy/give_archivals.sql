-- Changes the tenant of archivals. The first part is a query for their ids, their present tenants and their new tenants.
--
-- The links of an archival have its tenant, so their tenant changes too. A link with another tenant was written with plain
-- SQL, and its tenant stays different from that of the archival. A link without a tenant can be from before tenancy or from
-- plain SQL: it is from before tenancy if its table comes under tenancy now or is not under tenancy.
--
-- Race: an archive or a restore of the locked tables has ended or waits for the lock. A restore of other rows of the archival
-- commits first, or one of the two transactions gets a deadlock.
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

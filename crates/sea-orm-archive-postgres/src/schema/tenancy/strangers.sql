-- How many rows of a table, and links cut there, are in an archival of another tenant: what tell_ledger.sql replaces
-- is replaced here, too.
SELECT (SELECT pg_catalog.count(*) FROM {twin} AS d JOIN archive.archival AS a ON a.id = d.{archival_id}
        WHERE a.restored_at IS NULL AND a.tenant IS NOT NULL AND {tenant_of_d} IS DISTINCT FROM a.tenant)
     + (SELECT pg_catalog.count(*) FROM archive.detached_link AS l
        JOIN archive.archival AS a ON a.id = l.archival_id AND l.tenant IS NOT DISTINCT FROM a.tenant
        JOIN ({rows}) AS r (key, tenant) ON r.key = l.child_key
        WHERE a.restored_at IS NULL AND a.tenant IS NOT NULL AND l.child = {table}::regclass
          AND r.tenant IS DISTINCT FROM a.tenant) AS rows

-- Attributes the entries of an audited table that have no tenant to that of the row which has their key now, active or
-- archived, if it was the same row of the same tenant since: an INSERT begins a row; a DELETE, a TRUNCATE and an entry
-- that contains another tenant end it. NULL is no other tenant: the column was added and filled.
--
-- An entry that mentions a column which the table has no more may contain the tenant under an earlier name: nothing of
-- its key is attributed. Nothing at all is where the column was ever excluded, or one that the table has no more.
--
-- Race: the table is locked, so neither its rows nor their entries change.
WITH audited AS MATERIALIZED (
    SELECT r.table_name, r.audited_since, c.names
    FROM archive.audited_table AS r
    CROSS JOIN LATERAL (SELECT pg_catalog.array_agg(a.attname::text) AS names FROM pg_catalog.pg_attribute AS a
                        WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped) AS c
    WHERE r.relation = {relation}::oid AND {column} <> ALL (r.ever_excluded) AND r.ever_excluded <@ c.names
),
entry AS MATERIALIZED (
    SELECT e.id, e.operation, e.key, e.old, e.new, e.redacted, a.names
    FROM audited AS a JOIN archive.audit_entry AS e ON e.table_name = a.table_name AND e.at >= a.audited_since
),
present AS MATERIALIZED (
    SELECT r.key, pg_catalog.min(r.tenant) AS tenant FROM ({rows}) AS r (key, tenant)
    GROUP BY r.key HAVING pg_catalog.min(r.tenant) = pg_catalog.max(r.tenant)
),
known AS MATERIALIZED (
    SELECT p.key, pg_catalog.jsonb_hash_extended(p.key, 0) AS key_hash, p.tenant,
           coalesce(pg_catalog.max(
               CASE WHEN e.operation IN ('DELETE', 'TRUNCATE') OR e.old->>{column} <> p.tenant OR e.new->>{column} <> p.tenant
                         OR e.operation = 'UPDATE' AND e.redacted ? {column} THEN e.id + 1
                    WHEN e.operation = 'INSERT' THEN e.id END), 0) AS since
    FROM present AS p JOIN entry AS e ON e.key = p.key
    GROUP BY p.key, p.tenant
    -- Each of them, less the columns that are there.
    HAVING pg_catalog.bool_or(e.old - e.names <> '{}' OR e.new - e.names <> '{}' OR e.redacted - e.names <> '[]') IS NOT TRUE
),
attributed AS (
    UPDATE archive.audit_entry AS e SET tenant = k.tenant
    FROM known AS k, audited AS a
    WHERE e.key_hash = k.key_hash AND e.key = k.key AND e.table_name = a.table_name AND e.at >= a.audited_since
      AND e.tenant IS NULL AND e.id >= k.since
    RETURNING 1
)
SELECT pg_catalog.count(*) AS entries FROM attributed

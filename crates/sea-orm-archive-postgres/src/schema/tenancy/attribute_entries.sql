-- Sets the tenant of the entries of an audited table that have none: the tenant of the active or archived row that has their
-- key now, if that row had the same tenant since the entry. An INSERT begins a row; a DELETE, a TRUNCATE and an entry that
-- contains another tenant end it. NULL does not count as another tenant: the column was added and filled.
--
-- An entry with a column that no longer exists may contain the tenant under an earlier name of the column, so no entry of its
-- key gets a tenant. No entry of the table does where the tenant column, or a column that no longer exists, was ever excluded.
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
    -- Not the keys with an entry that contains a column that no longer exists.
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

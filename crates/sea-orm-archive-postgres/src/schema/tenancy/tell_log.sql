-- Whose the entries of a table are that were written before: its rows tell, active or archived, and so do the entries.
-- A key is one tenant's where all of them say the same. What tells nothing says '', which is nobody's: a whole row
-- without the tenant's column, or with none in it, since the key may have been another tenant's then; and whatever
-- mentions a column that is gone, which may be the tenant's under an earlier name. The log of a table that was ever told
-- to hide the column, or one that is gone, does not say when the tenant changed, so there all keys are nobody's.
-- Entries up to a number were told under tenancy, by the same column: they keep their tenants, and tell them of others.
-- What is older than the audit of this table is left as it is: an earlier table of that name wrote it, of other rows
-- with the same keys.
--
-- What is known is written down first, with an index. Joined in one statement it depends on what PostgreSQL thinks of
-- how many entries there are, and of a table that it has not looked at since it was thinks of one: then each entry
-- was compared with every key. A temporary table would need a right on the database. This one is seen by nobody, since
-- it is dropped before the transaction ends; a migration that makes its own meanwhile waits for that.
CREATE UNLOGGED TABLE archive.tenancy_known AS
WITH watched AS MATERIALIZED (
    SELECT r.table_name, r.audited_since, c.names,
           {name} = ANY (h.names) OR NOT h.names <@ c.names
           OR EXISTS (SELECT FROM archive.audit_entry AS e
                      WHERE e.table_name = r.table_name AND e.at >= r.audited_since AND e.redacted ? {name}) AS is_hidden
    FROM archive.audited_table AS r
    CROSS JOIN LATERAL (SELECT r.once_hidden || r.excluded_names || r.redacted_names AS names) AS h
    CROSS JOIN LATERAL (SELECT pg_catalog.array_agg(a.attname::text) AS names FROM pg_catalog.pg_attribute AS a
                        WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped) AS c
    WHERE r.table_name = {table_name}
),
entry AS (
    SELECT e.key, e.old, e.new, e.tenant, e.id <= {told_until} AS is_told, e.old IS NULL OR e.operation <> 'UPDATE' AS is_whole,
           -- Each of them, less the columns that are there.
           e.old - w.names <> '{}' OR e.new - w.names <> '{}' OR e.redacted - w.names <> '[]' AS mentions_gone
    FROM watched AS w
    JOIN archive.audit_entry AS e ON e.table_name = w.table_name AND e.at >= w.audited_since
)
SELECT pg_catalog.jsonb_hash_extended(s.key, 0) AS key_hash, s.key, pg_catalog.min(s.tenant) AS tenant
FROM ({rows}
      SELECT e.key, CASE WHEN e.is_told THEN coalesce(e.tenant, '') WHEN e.mentions_gone THEN '' ELSE coalesce(v.told->>{name}, '') END
      FROM entry AS e CROSS JOIN LATERAL (VALUES (e.old), (e.new)) AS v (told)
      WHERE e.is_told OR v.told IS NOT NULL AND e.is_whole OR v.told ? {name} OR e.mentions_gone
) AS s (key, tenant)
WHERE NOT (SELECT w.is_hidden FROM watched AS w)
GROUP BY s.key
HAVING pg_catalog.min(s.tenant) = pg_catalog.max(s.tenant);
CREATE INDEX ON archive.tenancy_known (key_hash);
ANALYZE archive.tenancy_known;
UPDATE archive.audit_entry AS e
SET tenant = coalesce((SELECT k.tenant FROM archive.tenancy_known AS k WHERE k.key_hash = e.key_hash AND k.key = e.key), '')
FROM archive.audited_table AS r
WHERE r.table_name = {table_name} AND e.table_name = r.table_name AND e.at >= r.audited_since AND e.id > {told_until};
DROP TABLE archive.tenancy_known;

-- Statements that let the functions of temporal foreign keys run under policies, where every table that has forced
-- ones is under tenancy.
SELECT DISTINCT format('ALTER FUNCTION %I.%I() SET row_security = on', 'archive', f.proname) AS statement
FROM archive.temporal_foreign_key AS k
JOIN archive.history_table AS h ON h.history = k.history
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid IN (k.child, k.history)
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace = 'archive'::pg_catalog.regnamespace
    AND f.proname::text ~ ('_' || k.id || '_(insert|update|shorten|delete|truncate)$')
WHERE 'row_security=off' = ANY (f.proconfig)
  AND EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation IN (k.child, k.history, h.identity))
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_class AS c
      WHERE c.oid IN (k.child, k.history, h.identity) AND c.relforcerowsecurity
        AND NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = c.oid))

-- Statements that set row_security of the functions of temporal foreign keys. It is on, so that they run under policies, where
-- one of their tables is under tenancy and the policies hide no row that the check needs: every table with forced policies is
-- under tenancy, and the history is under tenancy where the child is. Elsewhere it is off, so that policies that hide rows are
-- an error.
WITH scope AS MATERIALIZED (SELECT s.relation FROM archive.tenancy_scope AS s)
SELECT DISTINCT format('ALTER FUNCTION %I.%I() SET row_security = %s', 'archive', f.proname, w.setting) AS statement
FROM archive.temporal_foreign_key AS k
JOIN archive.history_table AS h ON h.history = k.history
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid IN (k.child, k.history)
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace = 'archive'::pg_catalog.regnamespace
    AND f.proname::text ~ ('_' || k.id || '_(insert|update|shorten|delete|truncate)$')
CROSS JOIN LATERAL (
    SELECT CASE WHEN EXISTS (SELECT FROM scope AS s WHERE s.relation IN (k.child, k.history, h.identity))
                     AND NOT EXISTS (
                         SELECT FROM pg_catalog.pg_class AS c
                         WHERE c.oid IN (k.child, k.history, h.identity) AND c.relforcerowsecurity
                           AND NOT EXISTS (SELECT FROM scope AS s WHERE s.relation = c.oid))
                     AND (EXISTS (SELECT FROM scope AS s WHERE s.relation = k.history)
                          OR NOT EXISTS (SELECT FROM scope AS s WHERE s.relation = k.child))
                THEN 'on' ELSE 'off' END AS setting
) AS w
WHERE format('row_security=%s', w.setting) <> ALL (f.proconfig)

-- Statements that enable on the archive table $2 the row-level security that the table $1 has.
SELECT format('ALTER TABLE %I.%I %s ROW LEVEL SECURITY', n.nspname, t.relname, wanted.action) AS statement
FROM pg_class AS a
CROSS JOIN pg_class AS t
JOIN pg_namespace AS n ON n.oid = t.relnamespace
CROSS JOIN LATERAL (VALUES
    ('ENABLE', a.relrowsecurity AND NOT t.relrowsecurity),
    ('FORCE', a.relforcerowsecurity AND NOT t.relforcerowsecurity)
) AS wanted(action, missing)
WHERE a.oid = $1::bigint::oid AND t.oid = $2::bigint::oid AND wanted.missing

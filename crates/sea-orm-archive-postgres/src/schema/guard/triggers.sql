,
wanted AS (
    SELECT w.relation, w.name, pg_catalog.format('%I.%I', n.nspname, c.relname) AS target,
           pg_catalog.format('%I %s ON %I.%I %s', w.name, w.head, n.nspname, c.relname, w.tail) AS definition
    FROM guard_wanted AS w JOIN pg_catalog.pg_class AS c ON c.oid = w.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
)
-- The statements that create the triggers that guards lack, and that drop those that no guard needs.
SELECT pg_catalog.format('CREATE OR REPLACE TRIGGER %1$s; ALTER TABLE %2$s ENABLE ALWAYS TRIGGER %3$I', w.definition, w.target, w.name) AS statement
FROM wanted AS w
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                  WHERE t.tgrelid = w.relation AND t.tgname = w.name AND t.tgenabled = 'A'
                    AND pg_catalog.pg_get_triggerdef(t.oid) = pg_catalog.concat('CREATE TRIGGER ', w.definition))
UNION ALL
SELECT pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname)
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace = 'archive'::pg_catalog.regnamespace
WHERE f.proname::text ~ '^guard_(\d+|archived)$' AND NOT t.tgisinternal
  AND NOT EXISTS (SELECT FROM wanted AS w WHERE w.relation = t.tgrelid AND w.name = t.tgname)

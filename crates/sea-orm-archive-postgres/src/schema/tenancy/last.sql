-- Statements that make the foreign key $2 of the table $1 fire after all other foreign keys that refer to the same table.
-- PostgreSQL fires triggers in the order of their names as text, and names the triggers of foreign keys by numbers, of which
-- 100000 sorts before 99999: NO ACTION would then refuse a row that the CASCADE of another key deletes afterwards. Triggers of
-- the system have no name in a dump, so this runs whenever the key is checked.
SELECT format('ALTER TRIGGER %I ON %I.%I RENAME TO %I', t.tgname, n.nspname, p.relname, w.name) AS statement
FROM pg_constraint AS c
JOIN pg_trigger AS t ON t.tgconstraint = c.oid AND t.tgrelid = c.confrelid AND t.tgparentid = 0
JOIN pg_class AS p ON p.oid = c.confrelid
JOIN pg_namespace AS n ON n.oid = p.relnamespace
CROSS JOIN LATERAL (SELECT 'RI_ConstraintTrigger_a_tenancy_' || t.oid AS name) AS w
WHERE c.conrelid = $1::bigint::oid AND c.conname = $2::text AND t.tgname <> w.name

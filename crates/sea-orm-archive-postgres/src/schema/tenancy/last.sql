-- Statements that let the foreign key $2 of the table $1 speak last of those that refer to its other table. PostgreSQL
-- fires triggers in the order of their names as texts, and calls those of foreign keys by numbers, of which 100000 comes
-- before 99999: NO ACTION would refuse then what CASCADE of another key was about to remove. As triggers of the system
-- they have no name in a dump, so this is done whenever the key is looked at.
SELECT format('ALTER TRIGGER %I ON %I.%I RENAME TO %I', t.tgname, n.nspname, p.relname, w.name) AS statement
FROM pg_constraint AS c
JOIN pg_trigger AS t ON t.tgconstraint = c.oid AND t.tgrelid = c.confrelid AND t.tgparentid = 0
JOIN pg_class AS p ON p.oid = c.confrelid
JOIN pg_namespace AS n ON n.oid = p.relnamespace
CROSS JOIN LATERAL (SELECT 'RI_ConstraintTrigger_a_tenancy_' || t.oid AS name) AS w
WHERE c.conrelid = $1::bigint::oid AND c.conname = $2::text AND t.tgname <> w.name

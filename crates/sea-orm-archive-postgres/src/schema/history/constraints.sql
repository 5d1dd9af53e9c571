-- The checks, exclusion constraints and unique indexes of the table $1 as PostgreSQL writes them; of an index, the part after
-- its table. Read with an empty search_path.
SELECT c.conname::text AS name, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint AS c
WHERE c.conrelid = to_regclass($1) AND c.contype IN ('c', 'x')
UNION ALL
SELECT i.relname::text,
       substr(pg_get_indexdef(i.oid), 1 + length(format('CREATE UNIQUE INDEX %I ON %I.%I ', i.relname, n.nspname, t.relname)))
FROM pg_index AS x
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_class AS t ON t.oid = x.indrelid
JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE t.oid = to_regclass($1) AND x.indisunique AND x.indisvalid AND x.indimmediate

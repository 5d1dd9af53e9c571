-- The temporal foreign keys; "c" is the child and "h" the history, NULL where the table was dropped.
SELECT k.id,
       k.name::text AS name,
       k.history::oid::bigint AS history,
       k.columns::text[] AS columns,
       k.time_columns::text[] AS time_columns,
       coalesce(pg_catalog.concat(n.nspname, '.', c.relname), '') AS child
FROM archive.temporal_foreign_key AS k
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = k.child
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class AS h ON h.oid = k.history

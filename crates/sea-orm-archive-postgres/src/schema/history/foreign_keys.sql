-- The temporal foreign keys; "c" is the child and "h" the history, NULL where the table was dropped.
SELECT k.id,
       k.name::text AS name,
       k.history::oid::bigint AS history,
       k.columns::text[] AS columns,
       k.time_columns::text[] AS time_columns,
       coalesce(pg_catalog.concat(n.nspname, '.', c.relname), '') AS child,
       CASE WHEN c.oid IS NULL THEN '' ELSE pg_catalog.format('%I.%I', n.nspname, c.relname) END AS child_sql,
       CASE WHEN h.oid IS NULL THEN ''
            ELSE pg_catalog.format('%I.%I', (SELECT o.nspname FROM pg_catalog.pg_namespace AS o WHERE o.oid = h.relnamespace), h.relname)
       END AS history_sql
FROM archive.temporal_foreign_key AS k
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = k.child
LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class AS h ON h.oid = k.history

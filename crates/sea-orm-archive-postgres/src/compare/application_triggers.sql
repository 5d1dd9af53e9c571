-- The triggers of the application on tables that have an archive table, and on those that refer to one and may lose a link, with
-- the tables during whose moves they do not fire.
SELECT DISTINCT pg_catalog.concat(n.nspname, '.', c.relname) AS name, t.tgname::text AS trigger,
       pg_catalog.array_remove(ARRAY[
           CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END, CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END,
           CASE WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' END, CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END], NULL) AS events,
       pg_catalog.to_jsonb(ARRAY(
           SELECT pg_catalog.concat(mn.nspname, '.', mc.relname)
           FROM pg_catalog.unnest(archive.suspended_while(t.oid)) WITH ORDINALITY AS m(oid, ord)
           JOIN pg_catalog.pg_class AS mc ON mc.oid = m.oid JOIN pg_catalog.pg_namespace AS mn ON mn.oid = mc.relnamespace
           ORDER BY m.ord)) AS suspended_while
FROM (SELECT r.active::oid AS oid FROM archive.archived_table AS r
      UNION SELECT k.conrelid FROM archive.archived_table AS r JOIN pg_catalog.pg_constraint AS k ON k.contype = 'f' AND k.confrelid = r.active
     ) AS r
CROSS JOIN LATERAL (SELECT r.oid UNION SELECT p.relid FROM pg_catalog.pg_partition_tree(r.oid) AS p) AS part
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = part.oid AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled <> 'D'
JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace <> 'archive'::pg_catalog.regnamespace
JOIN pg_catalog.pg_class AS c ON c.oid = part.oid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY name, trigger

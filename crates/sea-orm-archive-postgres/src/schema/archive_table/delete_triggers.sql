,
-- Follows the parts of mark_wanted.sql.
present AS (
    SELECT t.tgrelid AS relation, t.tgname AS trigger,
           t.tgenabled OPERATOR(pg_catalog.=) 'A' AND t.tgfoid OPERATOR(pg_catalog.=) 'archive.mark_deleted()'::regprocedure
               AND t.tgqual IS NULL AND CASE t.tgname WHEN 'archive_mark_truncated' THEN t.tgtype OPERATOR(pg_catalog.=) 32
                   ELSE t.tgtype OPERATOR(pg_catalog.=) 8 AND coalesce(t.tgoldtable, '') OPERATOR(pg_catalog.=) 'deleted_rows' END AS works
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgname OPERATOR(pg_catalog.=) ANY (ARRAY['archive_mark_truncated', 'archive_mark_deleted']::name[]) AND NOT t.tgisinternal
)
SELECT pg_catalog.format(CASE WHEN w.relation IS NULL THEN 'DROP TRIGGER %3$I ON %1$I.%2$I' ELSE
           'CREATE OR REPLACE TRIGGER %3$I AFTER %4$s %1$I.%2$I %5$s FOR EACH STATEMENT EXECUTE FUNCTION archive.mark_deleted(); '
           'ALTER TABLE %1$I.%2$I ENABLE ALWAYS TRIGGER %3$I' END,
           n.nspname, c.relname, coalesce(w.trigger, p.trigger), w.event, w.rows) AS statement
FROM mark_wanted AS w
FULL JOIN present AS p ON p.relation OPERATOR(pg_catalog.=) w.relation AND p.trigger OPERATOR(pg_catalog.=) w.trigger
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) coalesce(w.relation, p.relation)
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE (w.relation IS NULL OR p.relation IS NULL OR NOT p.works)
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
ORDER BY c.oid, 1

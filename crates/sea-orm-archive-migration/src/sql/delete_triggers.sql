-- Statements that put archive.mark_deleted() on the tables that links are cut from and on their archive tables, and take
-- it away from where no link is cut any more. A key that the database draws itself is not drawn twice, but for a TRUNCATE
-- that restarts it: such tables do without the trigger for DELETE.
WITH child AS (
    SELECT DISTINCT c.conrelid AS relation,
           EXISTS (SELECT FROM pg_catalog.pg_index AS i
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
                       AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey::int2[])
                   WHERE i.indrelid OPERATOR(pg_catalog.=) c.conrelid AND i.indisprimary
                     AND (a.atthasdef OR a.attidentity OPERATOR(pg_catalog.<>) '')) AS draws
    FROM pg_catalog.pg_constraint AS c
    JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) coalesce(pg_catalog.pg_partition_root(c.confrelid)::oid, c.confrelid)
    WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND c.conparentid OPERATOR(pg_catalog.=) 0
      AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS n
                  WHERE n.attrelid OPERATOR(pg_catalog.=) c.conrelid AND n.attnum OPERATOR(pg_catalog.=) ANY (c.conkey) AND NOT n.attnotnull)
),
place AS (
    SELECT c.relation, c.draws FROM child AS c
    UNION ALL
    SELECT r.twin::oid, c.draws FROM child AS c JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) c.relation
),
wanted AS (
    SELECT p.relation, 'archive_mark_truncated'::name AS trigger, 'TRUNCATE ON' AS event, '' AS rows FROM place AS p
    UNION ALL
    SELECT p.relation, 'archive_mark_deleted', 'DELETE ON', 'REFERENCING OLD TABLE AS deleted_rows' FROM place AS p WHERE NOT p.draws
),
present AS (
    SELECT t.tgrelid AS relation, t.tgname AS trigger,
           t.tgenabled OPERATOR(pg_catalog.=) 'A' AND t.tgfoid OPERATOR(pg_catalog.=) 'archive.mark_deleted()'::regprocedure AS works
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgname OPERATOR(pg_catalog.=) ANY (ARRAY['archive_mark_truncated', 'archive_mark_deleted']::name[]) AND NOT t.tgisinternal
)
SELECT pg_catalog.format(CASE WHEN w.relation IS NULL THEN 'DROP TRIGGER %3$I ON %1$I.%2$I' ELSE
           'CREATE OR REPLACE TRIGGER %3$I AFTER %4$s %1$I.%2$I %5$s FOR EACH STATEMENT EXECUTE FUNCTION archive.mark_deleted(); '
           'ALTER TABLE %1$I.%2$I ENABLE ALWAYS TRIGGER %3$I' END,
           n.nspname, c.relname, coalesce(w.trigger, p.trigger), w.event, w.rows) AS statement
FROM wanted AS w
FULL JOIN present AS p ON p.relation OPERATOR(pg_catalog.=) w.relation AND p.trigger OPERATOR(pg_catalog.=) w.trigger
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) coalesce(w.relation, p.relation)
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE w.relation IS NULL OR p.relation IS NULL OR NOT p.works
ORDER BY c.oid, 1

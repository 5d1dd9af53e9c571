,
-- Follows the parts of follow_key_wanted.sql. $1 is a table whose trigger is created again, so that statements over it are
-- planned again. Tables of other roles are left out: the check of a plan reports them.
--
-- record_image_ne() compares the bytes of two rows, so no operator of a type is called. The operator *<> does the same, but a
-- dump writes it in a form that PostgreSQL cannot read. A trigger depends on the columns that its condition names.
present AS (
    SELECT t.tgrelid AS relation,
           (SELECT pg_catalog.array_agg(DISTINCT a.attname::text COLLATE "C")
            FROM pg_catalog.pg_depend AS d
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) d.refobjid AND a.attnum OPERATOR(pg_catalog.=) d.refobjsubid
            WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::regclass AND d.objid OPERATOR(pg_catalog.=) t.oid
              AND d.refobjid OPERATOR(pg_catalog.=) t.tgrelid AND d.refobjsubid OPERATOR(pg_catalog.>) 0) AS columns,
           t.tgenabled OPERATOR(pg_catalog.=) 'A' AND t.tgfoid OPERATOR(pg_catalog.=) 'archive.follow_key()'::regprocedure
               AND t.tgtype OPERATOR(pg_catalog.=) 17 AND t.tgattr OPERATOR(pg_catalog.=) ''::pg_catalog.int2vector
               AND pg_catalog.pg_get_triggerdef(t.oid) OPERATOR(pg_catalog.~~) '%record_image_ne(%' AS works
    FROM pg_catalog.pg_trigger AS t
    WHERE t.tgname OPERATOR(pg_catalog.=) 'archive_follow_key' AND t.tgparentid OPERATOR(pg_catalog.=) 0 AND NOT t.tgisinternal
)
SELECT pg_catalog.format(CASE WHEN w.relation IS NULL THEN 'DROP TRIGGER archive_follow_key ON %1$I.%2$I' ELSE
           'CREATE OR REPLACE TRIGGER archive_follow_key AFTER UPDATE ON %1$I.%2$I FOR EACH ROW '
           'WHEN (pg_catalog.record_image_ne(ROW(%3$s), ROW(%4$s))) EXECUTE FUNCTION archive.follow_key(); '
           'ALTER TABLE %1$I.%2$I ENABLE ALWAYS TRIGGER archive_follow_key' END,
           n.nspname, c.relname,
           (SELECT pg_catalog.string_agg(pg_catalog.format('OLD.%I', k.name), ', ' ORDER BY k.ord) FROM pg_catalog.unnest(w.columns) WITH ORDINALITY AS k(name, ord)),
           (SELECT pg_catalog.string_agg(pg_catalog.format('NEW.%I', k.name), ', ' ORDER BY k.ord) FROM pg_catalog.unnest(w.columns) WITH ORDINALITY AS k(name, ord))) AS statement
FROM follow_key_wanted AS w
FULL JOIN present AS p ON p.relation OPERATOR(pg_catalog.=) w.relation
JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) coalesce(w.relation, p.relation)
JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE (w.relation IS NULL OR p.relation IS NULL OR NOT p.works OR p.columns IS DISTINCT FROM w.columns OR w.relation OPERATOR(pg_catalog.=) $1::bigint::oid)
  AND pg_catalog.pg_has_role(c.relowner, 'USAGE') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
ORDER BY c.oid

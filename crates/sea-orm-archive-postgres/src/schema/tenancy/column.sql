-- The column $2 of the table $1, and how it is compared with the tenant of the context, as SQL. The tenant of the context is
-- cast to the type below all domains, without a length: a tenant that is too long matches no row, instead of being truncated
-- to another tenant. Read with an empty search_path.
WITH RECURSIVE found AS (
    SELECT a.attname, a.attnum, a.attnotnull, a.atttypid FROM pg_attribute AS a
    WHERE a.attrelid = $1::bigint::oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped
),
based AS (
    SELECT f.atttypid AS type FROM found AS f
    UNION ALL
    SELECT t.typbasetype FROM based AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT f.attnotnull AS not_null,
       f.attnum AS number,
       t.oid IN ('"char"'::regtype, 'name'::regtype, 'float4'::regtype, 'float8'::regtype) AS cuts,
       o.tenant,
       format('%I OPERATOR(%s.=) %s', f.attname, o.schema, o.tenant) AS is_own,
       format('(OLD.%I OPERATOR(%s.=) %s) IS NOT TRUE', f.attname, o.schema, o.tenant) AS was_foreign,
       format('(NEW.%I OPERATOR(%s.=) %s) IS NOT TRUE', f.attname, o.schema, o.tenant) AS is_foreign,
       -- A type that is not built in is compared by its output function: its owner may define a cast to text.
       format(CASE WHEN t.oid < 16384 THEN 'OLD.%1$I::text IS DISTINCT FROM NEW.%1$I::text'
                   ELSE 'pg_catalog.format(''%%s'', OLD.%1$I) IS DISTINCT FROM pg_catalog.format(''%%s'', NEW.%1$I)' END,
              f.attname) AS is_given
FROM found AS f
JOIN based AS b ON true
JOIN pg_type AS t ON t.oid = b.type AND t.typtype <> 'd'
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.typtype = 'b' THEN t.typnamespace::regnamespace::text ELSE 'pg_catalog' END AS schema,
           'archive.current_tenant()::' || format_type(t.oid, -1) AS tenant
) AS o

-- The column $2 of the table $1, and how it is compared with the tenant of the context, as SQL. The type has no
-- length: a tenant that is too long is nobody's then, and not cut off to another one. Read with an empty
-- search_path.
SELECT a.attnotnull AS not_null,
       a.attnum AS number,
       format('%I OPERATOR(%I.=) archive.current_tenant()::%s', a.attname, o.schema, format_type(a.atttypid, -1)) AS is_own,
       format('(OLD.%I OPERATOR(%I.=) archive.current_tenant()::%s) IS NOT TRUE', a.attname, o.schema,
              format_type(a.atttypid, -1)) AS is_foreign
FROM pg_attribute AS a
JOIN pg_type AS d ON d.oid = a.atttypid
JOIN pg_type AS t ON t.oid = CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.typtype = 'b' THEN t.typnamespace::regnamespace::name ELSE 'pg_catalog' END AS schema
) AS o
WHERE a.attrelid = $1::bigint::oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped

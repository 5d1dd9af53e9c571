-- The columns of the table $1, and how the audit log reads each: whether IS DISTINCT FROM detects every change of its bytes,
-- whether its type is built in, whether its text may be something that jsonb refuses, whether its text names an object of the
-- catalog that can be renamed, and which settings its text depends on.
SELECT a.attname::text AS name, a.attnum AS number,
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace
           AND (t.typname IN ('int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz', 'uuid', 'oid', 'bytea', 'name')
                OR (t.typname IN ('text', 'varchar', 'bpchar') AND coalesce(l.collisdeterministic, true))) AS exact,
       archive.audit_leaf(t.oid) < 16384 AS is_builtin,
       archive.audit_has_operators(t.oid) AS has_operators,
       archive.audit_leaf(t.oid) = 'pg_catalog.json'::pg_catalog.regtype AS is_json,
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typtype = 'b' AND t.typname LIKE 'reg%' AS is_reference,
       CASE WHEN t.typtype = 'e'
              OR t.typtype = 'b'
                 AND t.typname IN ('int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz', 'uuid', 'oid', 'name', 'text',
                                   'varchar', 'bpchar', 'numeric', 'json', 'jsonb', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit',
                                   'tsvector', 'tsquery', 'xml', 'citext', 'ltree', 'hstore')
            THEN CASE WHEN t.typname = 'timestamptz' THEN 't' ELSE '' END
            WHEN t.typname IN ('float4', 'float8') THEN 'f'
            WHEN t.typname = 'bytea' THEN 'b'
            WHEN t.typname IN ('interval', 'time') THEN 'i'
            WHEN t.typname = 'timetz' THEN 'it'
            ELSE 'fbidtm'
       END AS settings
FROM pg_catalog.pg_attribute AS a
JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

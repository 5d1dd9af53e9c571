-- The columns of the table $1, and how the audit log reads each: whether IS DISTINCT FROM tells every change of
-- its bytes, whether its text may be something that jsonb refuses, and which settings its text depends on.
SELECT a.attname::text AS name, a.attnum AS number,
       t.typtype = 'e'
           OR t.typname IN ('int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz', 'uuid', 'oid', 'bytea', 'name')
           OR (t.typname IN ('text', 'varchar', 'bpchar') AND coalesce(l.collisdeterministic, true)) AS exact,
       'json' IN (t.typname, coalesce((SELECT o.typname FROM pg_type AS o WHERE o.oid = coalesce(nullif(t.typbasetype, 0), t.typelem)), '')) AS is_json,
       CASE WHEN t.typtype = 'e'
              OR t.typname IN ('int2', 'int4', 'int8', 'bool', 'date', 'timestamp', 'timestamptz', 'uuid', 'oid', 'name', 'text',
                               'varchar', 'bpchar', 'numeric', 'json', 'jsonb', 'inet', 'cidr', 'macaddr', 'macaddr8', 'bit', 'varbit',
                               'tsvector', 'tsquery', 'xml', 'citext', 'ltree', 'hstore') THEN ''
            WHEN t.typname IN ('float4', 'float8') THEN 'f'
            WHEN t.typname = 'bytea' THEN 'b'
            WHEN t.typname IN ('interval', 'time', 'timetz') THEN 'i'
            ELSE 'fbid'
       END
       || CASE WHEN t.typname IN ('timestamptz', 'timetz') THEN 't' ELSE '' END AS settings
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum

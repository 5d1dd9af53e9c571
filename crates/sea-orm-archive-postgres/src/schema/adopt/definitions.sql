-- The definitions of the columns $2 of the table $1, as ALTER TABLE .. ADD COLUMN takes them, and their defaults.
SELECT a.attname::text AS name,
       concat(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)),
              (SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
               FROM pg_collation AS c JOIN pg_namespace AS n ON n.oid = c.collnamespace JOIN pg_type AS t ON t.oid = a.atttypid
               WHERE c.oid = a.attcollation AND a.attcollation <> t.typcollation),
              CASE WHEN a.attnotnull THEN ' NOT NULL' END) AS definition,
       pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::bigint::oid AND a.attname::text = ANY ($2) AND NOT a.attisdropped
ORDER BY a.attnum

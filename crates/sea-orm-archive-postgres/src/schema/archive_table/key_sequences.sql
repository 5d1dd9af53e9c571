-- The sequences that the primary key of the table $1 draws its ids from.
--
-- "own": the column owns the sequence, which is dropped with the table. "free": no column owns the sequence, no other default
-- draws from it, and PostgreSQL would let the column own it (same schema, same owner).
WITH key_column AS (
    SELECT a.attrelid, a.attnum, a.attname
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
    WHERE i.indrelid = $1::bigint::oid AND i.indisprimary
),
drawn AS (
    SELECT k.attrelid, k.attnum, k.attname, d.objid AS sequence
    FROM key_column AS k
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = k.attrelid
                       AND d.refobjsubid = k.attnum AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    UNION
    SELECT k.attrelid, k.attnum, k.attname, d.refobjid
    FROM key_column AS k
    JOIN pg_attrdef AS ad ON ad.adrelid = k.attrelid AND ad.adnum = k.attnum
    JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = ad.oid
                       AND d.refclassid = 'pg_class'::regclass
)
SELECT w.attname::text AS column_name,
       format('%I.%I', n.nspname, s.relname) AS sequence,
       coalesce(o.refobjid = w.attrelid AND o.refobjsubid = w.attnum, false) AS own,
       o.refobjid IS NULL
           AND s.relnamespace = t.relnamespace AND s.relowner = t.relowner
           AND 1 = (SELECT count(*) FROM pg_depend AS u
                    WHERE u.refclassid = 'pg_class'::regclass AND u.refobjid = s.oid
                      AND u.classid = 'pg_attrdef'::regclass) AS free
FROM drawn AS w
JOIN pg_class AS s ON s.oid = w.sequence AND s.relkind = 'S'
JOIN pg_namespace AS n ON n.oid = s.relnamespace
JOIN pg_class AS t ON t.oid = w.attrelid
LEFT JOIN pg_depend AS o ON o.classid = 'pg_class'::regclass AND o.objid = s.oid
                        AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')

-- The objects that depend on the columns $2 of the table $1, except their own defaults.
SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS dependent
FROM pg_catalog.pg_depend AS d
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
LEFT JOIN pg_catalog.pg_attrdef AS own ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND own.oid = d.objid
                                      AND own.adrelid = a.attrelid AND own.adnum = a.attnum
LEFT JOIN pg_catalog.pg_constraint AS c ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND c.oid = d.objid
WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1::bigint::oid
  AND a.attname::text = ANY ($2) AND own.oid IS NULL AND c.contype IS DISTINCT FROM 'n'
ORDER BY 1

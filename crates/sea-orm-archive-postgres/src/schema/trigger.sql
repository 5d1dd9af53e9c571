-- The trigger $2 of the table $1, and why it cannot be replaced, if it cannot.
SELECT pg_catalog.pg_get_triggerdef(t.oid) AS definition,
       t.tgenabled::pg_catalog.text AS enabled,
       pg_catalog.obj_description(t.oid, 'pg_trigger') AS comment,
       ARRAY(SELECT e.extname::pg_catalog.text FROM pg_catalog.pg_depend AS d JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid
             WHERE d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'x'
               AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) AS extensions,
       t.tgconstraint <> 0 AS is_constraint,
       CASE WHEN t.tgisinternal THEN 'belongs to a constraint: name a trigger of the application'
            WHEN t.tgparentid <> 0 THEN 'is part of the trigger of the partitioned table: name that table'
            WHEN f.pronamespace = 'archive'::pg_catalog.regnamespace THEN 'belongs to sea-orm-archive, and fires as it must'
       END AS refused
FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_proc AS f ON f.oid = t.tgfoid
WHERE t.tgrelid = $1::pg_catalog.regclass AND t.tgname = $2::pg_catalog.name

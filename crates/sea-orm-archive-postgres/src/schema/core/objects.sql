-- The objects of the schema archive, and the schema itself.
SELECT pg_catalog.concat_ws(' ', o.tableoid, o.oid) AS object
FROM (SELECT tableoid, oid FROM pg_catalog.pg_namespace WHERE nspname = 'archive'
      UNION ALL
      SELECT tableoid, oid FROM pg_catalog.pg_class WHERE relnamespace = pg_catalog.to_regnamespace('archive')
      UNION ALL
      SELECT tableoid, oid FROM pg_catalog.pg_proc WHERE pronamespace = pg_catalog.to_regnamespace('archive')) AS o

-- The registered properties of the history $1; no row where its identity table was dropped.
SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) AS identity,
       r.identity_columns::text[] AS identity_columns,
       r.valid_from::text AS valid_from,
       r.valid_to::text AS valid_to,
       pg_catalog.format_type(r.range_type, NULL) AS range_type,
       r.recorded_from::text AS recorded_from,
       r.recorded_to::text AS recorded_to,
       r.recorded_by::text AS recorded_by,
       r.split_columns::text[] AS split_columns
FROM archive.history_table AS r
JOIN pg_catalog.pg_class AS i ON i.oid = r.identity
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
WHERE r.history = $1::bigint::oid

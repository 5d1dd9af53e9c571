-- The registered tables that exist, with names as SQL: each with its archive table, and histories with their columns.
SELECT format('%I.%I', an.nspname, a.relname) AS name, format('%I.%I', tn.nspname, t.relname) AS archive, NULL::jsonb AS history
FROM archive.archived_table AS r
JOIN pg_class AS a ON a.oid = r.active JOIN pg_namespace AS an ON an.oid = a.relnamespace
JOIN pg_class AS t ON t.oid = r.archive_table JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
UNION ALL
SELECT format('%I.%I', n.nspname, c.relname), NULL, jsonb_build_object(
    'identity', r.identity_columns, 'valid_from', r.valid_from, 'valid_to', r.valid_to, 'recorded_by', r.recorded_by,
    'recorded', CASE WHEN r.recorded_from IS NOT NULL THEN jsonb_build_array(r.recorded_from, r.recorded_to) END,
    'range', format_type(r.range_type, NULL))
FROM archive.history_table AS r
JOIN pg_class AS c ON c.oid = r.history JOIN pg_namespace AS n ON n.oid = c.relnamespace

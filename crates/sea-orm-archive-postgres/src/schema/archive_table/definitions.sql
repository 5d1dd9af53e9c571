-- The columns of the table $1 as SQL that would add them to its archive table, read with an empty search_path. The columns of
-- an archive table are plain. "source" fills them for rows that are already archived: the expression of a generated column,
-- the sequence of an identity column, or the default.
SELECT a.attname::text AS column_name,
       format_type(a.atttypid, a.atttypmod)
           || CASE WHEN l.oid IS NULL OR a.attcollation = t.typcollation THEN ''
                   ELSE format(' COLLATE %I.%I', ln.nspname, l.collname) END AS type,
       CASE WHEN a.attgenerated <> '' THEN format('GENERATED ALWAYS AS (%s) STORED', pg_get_expr(d.adbin, d.adrelid))
            WHEN a.attidentity <> '' THEN format('DEFAULT nextval(%L)', pg_get_serial_sequence(
                format('%I.%I', n.nspname, c.relname), a.attname))
            WHEN d.oid IS NOT NULL THEN format('DEFAULT %s', pg_get_expr(d.adbin, d.adrelid))
       END AS source
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_namespace AS ln ON ln.oid = l.collnamespace
WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attgenerated <> '', a.attnum

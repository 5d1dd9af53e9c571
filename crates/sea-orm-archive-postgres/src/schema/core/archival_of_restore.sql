-- The tables of archivals, their archive tables, and their detached links, by name.
SELECT pg_catalog.jsonb_build_object(
    'root_table', (SELECT a.root_table FROM archive.archival AS a WHERE a.id OPERATOR(pg_catalog.=) h.ids[1]),
    'rootless', (SELECT pg_catalog.min(a.root_table) FROM archive.archival AS a WHERE a.id OPERATOR(pg_catalog.=) ANY (h.ids)
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) a.tables[1]::pg_catalog.oid)),
    'tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')) ORDER BY t.ord), '[]')
        FROM pg_catalog.unnest(h.tables) WITH ORDINALITY AS t(id, ord)
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.id JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    ),
    'archive_tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')) ORDER BY t.ord), '[]')
        FROM pg_catalog.unnest(h.tables) WITH ORDINALITY AS t(id, ord)
        JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) t.id
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.archive_table JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    ),
    'links', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'child', pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')), 'edge', l.edge, 'key_columns', l.key_columns)), '[]')
        FROM (SELECT DISTINCT child, edge,
                     CASE WHEN pg_catalog.jsonb_typeof(child_key) OPERATOR(pg_catalog.=) 'array' THEN pg_catalog.jsonb_array_length(child_key) END AS key_columns
              FROM archive.links_of(h.ids)) AS l
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) l.child JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    )
) AS record
FROM (
    SELECT f.ids, archive.tables_of(f.ids) AS tables
    FROM (SELECT ARRAY(SELECT a.id FROM archive.archival AS a
                       WHERE a.id OPERATOR(pg_catalog.=) ANY ($1) AND a.restored_at IS NULL AND a.purged_at IS NULL
                       ORDER BY pg_catalog.array_position($1[1:1], a.id), a.id)) AS f(ids)
) AS h
WHERE pg_catalog.cardinality(h.ids) OPERATOR(pg_catalog.>) 0

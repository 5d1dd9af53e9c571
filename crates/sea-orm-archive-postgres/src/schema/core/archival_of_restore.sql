-- The tables of an archival, their archive tables, and its detached links, by name.
SELECT pg_catalog.jsonb_build_object(
    'root_table', a.root_table,
    'tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')) ORDER BY t.ord), '[]')
        FROM pg_catalog.unnest(a.tables) WITH ORDINALITY AS t(id, ord)
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) t.id JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    ),
    'archive_tables', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')) ORDER BY t.ord), '[]')
        FROM pg_catalog.unnest(a.tables) WITH ORDINALITY AS t(id, ord)
        JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) t.id
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.archive_table JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    ),
    'links', (
        SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
            'child', pg_catalog.format('"%s"."%s"', pg_catalog.replace(n.nspname::pg_catalog.text, '"', '""'), pg_catalog.replace(c.relname::pg_catalog.text, '"', '""')), 'edge', l.edge, 'key_columns', l.key_columns)), '[]')
        FROM (SELECT DISTINCT child, edge,
                     CASE WHEN pg_catalog.jsonb_typeof(child_key) OPERATOR(pg_catalog.=) 'array' THEN pg_catalog.jsonb_array_length(child_key) END AS key_columns
              FROM archive.links_of(a.id)) AS l
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) l.child JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    )
) AS record
FROM archive.archival AS a WHERE a.id = $1 AND a.restored_at IS NULL AND a.purged_at IS NULL

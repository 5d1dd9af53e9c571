-- What an archival holds: its tables, their twins, and the links that it cut, by name.
SELECT jsonb_build_object(
    'root_table', a.root_table,
    'tables', (
        SELECT coalesce(jsonb_agg(format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) ORDER BY t.ord), '[]')
        FROM unnest(a.tables) WITH ORDINALITY AS t(id, ord)
        JOIN pg_class AS c ON c.oid = t.id JOIN pg_namespace AS n ON n.oid = c.relnamespace
    ),
    'twins', (
        SELECT coalesce(jsonb_agg(format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) ORDER BY t.ord), '[]')
        FROM unnest(a.tables) WITH ORDINALITY AS t(id, ord)
        JOIN archive.archived_table AS r ON r.active = t.id
        JOIN pg_class AS c ON c.oid = r.twin JOIN pg_namespace AS n ON n.oid = c.relnamespace
    ),
    'links', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'child', format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')), 'edge', l.edge, 'key_columns', l.key_columns)), '[]')
        FROM (SELECT DISTINCT child, edge,
                     CASE WHEN pg_catalog.jsonb_typeof(child_key) OPERATOR(pg_catalog.=) 'array' THEN pg_catalog.jsonb_array_length(child_key) END AS key_columns
              FROM archive.links_of(a.id)) AS l
        JOIN pg_class AS c ON c.oid = l.child JOIN pg_namespace AS n ON n.oid = c.relnamespace
    )
) AS ledger
FROM archive.archival AS a WHERE a.id = $1 AND a.restored_at IS NULL

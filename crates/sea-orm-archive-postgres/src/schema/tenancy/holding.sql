EXISTS (
    SELECT FROM archive.tenancy_scope AS s
    JOIN pg_catalog.pg_class AS c ON c.oid = s.relation
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE {origin} IN (0, s.origin::bigint)
      AND (s.relation = ANY (a.tables::oid[])
               AND a.row_counts->>pg_catalog.concat(n.nspname, '.', c.relname) IS DISTINCT FROM '0'
           OR EXISTS (SELECT FROM archive.detached_link AS l
                      WHERE l.archival_id = a.id AND l.child = s.relation AND l.tenant IS NOT DISTINCT FROM a.tenant)))

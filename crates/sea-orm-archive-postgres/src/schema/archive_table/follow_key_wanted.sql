-- The tables that need archive.follow_key(): those that archived tables refer to, with the referenced columns, and those that
-- refer to archived tables by a nullable foreign key, with their primary key. Parts of a WITH.
follow_key_column AS (
    SELECT coalesce(pg_catalog.pg_partition_root(c.confrelid)::oid, c.confrelid) AS relation, a.attname
    FROM pg_catalog.pg_constraint AS c
    JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) c.conrelid
    CROSS JOIN LATERAL pg_catalog.unnest(c.confkey) AS k(attnum)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.confrelid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
    WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND c.conparentid OPERATOR(pg_catalog.=) 0
    UNION
    SELECT c.conrelid, a.attname
    FROM pg_catalog.pg_constraint AS c
    JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) coalesce(pg_catalog.pg_partition_root(c.confrelid)::oid, c.confrelid)
    JOIN pg_catalog.pg_index AS i ON i.indrelid OPERATOR(pg_catalog.=) c.conrelid AND i.indisprimary
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
    WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND c.conparentid OPERATOR(pg_catalog.=) 0 AND k.ord OPERATOR(pg_catalog.<=) i.indnkeyatts
      AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS n
                  WHERE n.attrelid OPERATOR(pg_catalog.=) c.conrelid AND n.attnum OPERATOR(pg_catalog.=) ANY (c.conkey) AND NOT n.attnotnull)
),
follow_key_wanted AS (
    SELECT w.relation, pg_catalog.array_agg(w.attname::text ORDER BY w.attname::text COLLATE "C") AS columns
    FROM follow_key_column AS w GROUP BY w.relation
)

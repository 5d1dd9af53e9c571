-- The tables that need archive.mark_deleted(): those that links are cut from, and their archive tables. A key that the database
-- draws itself (an identity, a sequence, a random UUID) is not drawn twice, except after a TRUNCATE that restarts it: such
-- tables need no trigger for DELETE. Parts of a WITH.
detachable AS (
    SELECT DISTINCT c.conrelid AS relation,
           EXISTS (SELECT FROM pg_catalog.pg_index AS i
                   JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
                       AND a.attnum OPERATOR(pg_catalog.=) ANY (i.indkey::int2[])
                   WHERE i.indrelid OPERATOR(pg_catalog.=) c.conrelid AND i.indisprimary
                     AND (a.attidentity OPERATOR(pg_catalog.<>) '' OR EXISTS (
                         SELECT FROM pg_catalog.pg_attrdef AS v
                         WHERE v.adrelid OPERATOR(pg_catalog.=) a.attrelid AND v.adnum OPERATOR(pg_catalog.=) a.attnum
                           AND (pg_catalog.pg_get_expr(v.adbin, v.adrelid) OPERATOR(pg_catalog.~)
                                    '^(\w+\.)?(gen_random_uuid|uuidv4|uuidv7|uuid_generate_v1|uuid_generate_v1mc|uuid_generate_v4)\(\)$'
                                OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                                           JOIN pg_catalog.pg_class AS s ON s.oid OPERATOR(pg_catalog.=) d.refobjid
                                           WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::regclass
                                             AND d.objid OPERATOR(pg_catalog.=) v.oid
                                             AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::regclass
                                             AND s.relkind OPERATOR(pg_catalog.=) 'S'))))) AS draws
    FROM pg_catalog.pg_constraint AS c
    JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) coalesce(pg_catalog.pg_partition_root(c.confrelid)::oid, c.confrelid)
    WHERE c.contype OPERATOR(pg_catalog.=) 'f' AND c.conparentid OPERATOR(pg_catalog.=) 0
      AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS n
                  WHERE n.attrelid OPERATOR(pg_catalog.=) c.conrelid AND n.attnum OPERATOR(pg_catalog.=) ANY (c.conkey) AND NOT n.attnotnull)
),
mark_place AS (
    SELECT c.relation, c.draws FROM detachable AS c
    UNION ALL
    SELECT r.archive_table::oid, c.draws FROM detachable AS c JOIN archive.archived_table AS r ON r.active OPERATOR(pg_catalog.=) c.relation
),
mark_wanted AS (
    SELECT p.relation, 'archive_mark_truncated'::name AS trigger, 'TRUNCATE ON' AS event, '' AS rows FROM mark_place AS p
    UNION ALL
    SELECT p.relation, 'archive_mark_deleted', 'DELETE ON', 'REFERENCING OLD TABLE AS deleted_rows' FROM mark_place AS p WHERE NOT p.draws
)

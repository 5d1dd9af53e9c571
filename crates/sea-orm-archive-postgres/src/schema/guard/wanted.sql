-- The triggers of guards: on each guarded table and its partitions, and on its archive table. A statement that names a partition fires the
-- triggers of that partition alone.
guard_wanted AS (
    SELECT p.relation, t.name, t.head, pg_catalog.concat(t.tail, ' EXECUTE FUNCTION archive.', p.function, '()') AS tail
    FROM (
        SELECT m.relation, pg_catalog.concat('guard_', g.id) AS function
        FROM archive.guarded_table AS g
        CROSS JOIN LATERAL (SELECT g.relation::oid UNION SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(g.relation) AS p) AS m (relation)
        UNION ALL
        SELECT r.archive_table, 'guard_archived' FROM archive.guarded_table AS g JOIN archive.archived_table AS r ON r.active = g.relation
    ) AS p
    CROSS JOIN (VALUES
        ('archive_guard_delete'::name, 'AFTER DELETE', 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'),
        ('archive_guard_truncate', 'BEFORE TRUNCATE', 'FOR EACH STATEMENT')
    ) AS t (name, head, tail)
)

    UNION ALL
    SELECT p.relation, t.name, 'A', t.head, concat(t.tail, ' EXECUTE FUNCTION archive.', p.function, '()'), 'call manager.install_audit() again'
    FROM (
        SELECT m.relation, concat('audit_', r.id) AS function
        FROM archive.audited_table AS r
        CROSS JOIN LATERAL (SELECT r.relation::oid UNION SELECT p.relid::oid FROM pg_partition_tree(r.relation) AS p) AS m (relation)
        UNION ALL
        SELECT a.archive_table, concat('audit_', r.id, '_archive_table')
        FROM archive.audited_table AS r JOIN archive.archived_table AS a ON a.active = r.relation
    ) AS p
    CROSS JOIN (VALUES
        ('archive_audit_insert'::name, 'AFTER INSERT', 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT'),
        ('archive_audit_update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'),
        ('archive_audit_delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'),
        ('archive_audit_truncate', 'BEFORE TRUNCATE', 'FOR EACH STATEMENT')
    ) AS t (name, head, tail)
    UNION ALL
    SELECT 'archive.audit_move'::regclass, 'refuse_lost_rows', 'A', 'AFTER INSERT',
           'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION archive.refuse_lost_rows()', 'call manager.install_audit() again'

SELECT t.relation::oid AS relation, '' AS name, pg_catalog.format('was under tenancy by its column "%s"', t.tenant_name) AS what,
           'enable_tenancy' AS again, 'disable_tenancy' AS never
    FROM archive.tenancy AS t
    UNION ALL
    SELECT s.stamped, '', 'was stamped', 'stamp_table', 'unstamp_table' FROM archive.stamped_table AS s
    UNION ALL
    SELECT g.relation, '', 'was guarded', 'guard_table', 'drop_guard' FROM archive.guarded_table AS g
    UNION ALL
    SELECT h.history, '', 'was a history', 'create_history_table', 'drop_history_table' FROM archive.history_table AS h
    UNION ALL
    SELECT r.relation, k.name, pg_catalog.format('had the temporal foreign key "%s"', k.name),
           'create_temporal_foreign_key', 'drop_temporal_foreign_key'
    FROM archive.temporal_foreign_key AS k CROSS JOIN LATERAL (VALUES (k.child), (k.history)) AS r (relation){audited}

-- Audited tables whose columns changed since their trigger functions were written: the functions still log every write, but slower.
SELECT format('%s.%s', n.nspname, c.relname) AS object,
       'has other columns than its functions of the audit log were written for' AS problem,
       'call manager.install_audit() again' AS remedy
FROM (
    SELECT r.relation::oid AS relation, r.shape FROM archive.audited_table AS r
    UNION ALL
    SELECT a.archive_table::oid, r.archive_table_shape FROM archive.audited_table AS r JOIN archive.archived_table AS a ON a.active = r.relation
) AS d
JOIN pg_class AS c ON c.oid = d.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE d.shape IS DISTINCT FROM archive.audit_shape(d.relation)

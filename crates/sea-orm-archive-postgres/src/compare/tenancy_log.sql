-- Problems with the tenants of entries in the audit log. Run with an empty search_path.
SELECT format('%s.%s', n.nspname, c.relname) AS object,
       'is registered in the audit log with another tenant column' AS problem,
       'call manager.enable_tenancy(..) again' AS remedy
FROM archive.audited_table AS r
JOIN archive.tenancy_scope AS s ON s.relation = r.relation AND s.tenant_column IS NOT NULL
JOIN pg_class AS c ON c.oid = r.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = r.relation AND a.attnum = r.tenant AND NOT a.attisdropped
WHERE a.attname IS DISTINCT FROM s.tenant_column OR r.tenant_name IS DISTINCT FROM s.tenant_column
UNION ALL
SELECT f.oid::regprocedure::text, format('runs as %s, and the log belongs to %s', f.proowner::regrole, c.relowner::regrole),
       'give both to one role, and call manager.install_audit() again'
FROM pg_proc AS f JOIN pg_class AS c ON c.oid = 'archive.audit_entry'::regclass
WHERE f.pronamespace = 'archive'::regnamespace AND f.proname ~ '^audit_[0-9]+(_archive_table)?$' AND f.proowner <> c.relowner
ORDER BY 1, 2

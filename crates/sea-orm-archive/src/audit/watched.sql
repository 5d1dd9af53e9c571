-- What is registered of the table $1, which is a name as SQL text.
SELECT r.table_name AS name,
       -- Of what was logged before tenancy some may be nobody's, and then the administrator alone sees all.
       CASE WHEN pg_catalog.row_security_active('archive.audit_entry')
                 AND NOT EXISTS (SELECT FROM archive.tenancy AS t WHERE t.administrator = current_user)
            THEN greatest(r.audited_since, r.told_since) ELSE r.audited_since END AS since,
       (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM archive.archived_table AS a
        JOIN pg_catalog.pg_class AS c ON c.oid = a.twin
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE a.active = r.relation) AS twin,
       ARRAY(SELECT c.attname::text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid = r.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS columns,
       ARRAY(SELECT c.attname::text FROM pg_catalog.pg_attribute AS c
             JOIN archive.archived_table AS a ON a.active = r.relation AND a.twin = c.attrelid
             JOIN pg_catalog.pg_attribute AS o ON o.attrelid = a.active AND o.attname = c.attname AND o.attnum > 0
             WHERE c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS twin_columns,
       ARRAY(SELECT c.attname::text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid = r.relation AND (c.attnum = ANY (r.excluded) OR c.attname = ANY (r.once_hidden)) AND NOT c.attisdropped ORDER BY 1) AS excluded,
       ARRAY(SELECT c.attname::text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid = r.relation AND c.attgenerated <> '' AND NOT c.attisdropped ORDER BY 1) AS generated
FROM archive.audited_table AS r
WHERE r.relation = pg_catalog.to_regclass($1)

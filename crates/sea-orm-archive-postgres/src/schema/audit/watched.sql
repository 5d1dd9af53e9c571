-- The registration of the audited table $1, which is a name as SQL text.
SELECT r.table_name AS name,
       -- With its schema: the name of the table alone could be that of a domain in the session's temporary schema.
       (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) r.relation) AS row_type,
       -- A tenant does not see earlier changes of its rows. The administrator sees all changes.
       CASE WHEN pg_catalog.row_security_active('archive.audit_entry')
                 AND NOT EXISTS (SELECT FROM archive.tenancy AS t WHERE t.administrator = current_user)
            THEN greatest(r.audited_since, r.attributed_since) ELSE r.audited_since END AS since,
       (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM archive.archived_table AS a
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) a.archive_table
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE a.active OPERATOR(pg_catalog.=) r.relation) AS archive_table,
       ARRAY(SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS columns,
       ARRAY(SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
             JOIN archive.archived_table AS a ON a.active OPERATOR(pg_catalog.=) r.relation AND a.archive_table OPERATOR(pg_catalog.=) c.attrelid
             JOIN pg_catalog.pg_attribute AS o ON o.attrelid OPERATOR(pg_catalog.=) a.active AND o.attname OPERATOR(pg_catalog.=) c.attname AND o.attnum > 0
             WHERE c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS archive_table_columns,
       ARRAY(SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND (c.attnum = ANY (r.excluded) OR c.attname = ANY (r.ever_excluded)) AND NOT c.attisdropped ORDER BY 1) AS excluded,
       ARRAY(SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attgenerated <> '' AND NOT c.attisdropped ORDER BY 1) AS generated,
       -- The operators that compare the columns of the key.
       coalesce((SELECT pg_catalog.jsonb_object_agg(c.attname, pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname))
                 FROM pg_catalog.pg_index AS i
                 CROSS JOIN ROWS FROM (pg_catalog.unnest(i.indkey::pg_catalog.int2[]), pg_catalog.unnest(i.indclass::pg_catalog.oid[])) AS k (number, class)
                 JOIN pg_catalog.pg_attribute AS c ON c.attrelid OPERATOR(pg_catalog.=) i.indrelid AND c.attnum OPERATOR(pg_catalog.=) k.number
                 JOIN pg_catalog.pg_opclass AS f ON f.oid OPERATOR(pg_catalog.=) k.class
                 JOIN pg_catalog.pg_amop AS m ON m.amopfamily OPERATOR(pg_catalog.=) f.opcfamily AND m.amopstrategy OPERATOR(pg_catalog.=) 3
                     AND m.amoplefttype OPERATOR(pg_catalog.=) f.opcintype AND m.amoprighttype OPERATOR(pg_catalog.=) f.opcintype
                 JOIN pg_catalog.pg_operator AS o ON o.oid OPERATOR(pg_catalog.=) m.amopopr
                 JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
                 WHERE i.indrelid OPERATOR(pg_catalog.=) r.relation AND i.indisprimary), '{}') AS equals
FROM archive.audited_table AS r
WHERE r.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)

-- The registration of the audited table $1, which is a name as SQL text.
SELECT r.id, r.table_name AS name,
       (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE c.oid OPERATOR(pg_catalog.=) r.relation) AS relation,
       -- A tenant does not see earlier changes of its rows. The administrator sees all changes.
       CASE WHEN pg_catalog.row_security_active('archive.audit_entry')
                 AND NOT EXISTS (SELECT FROM archive.tenancy AS t WHERE t.administrator = current_user)
            THEN greatest(r.audited_since, r.attributed_since, k.since) ELSE greatest(r.audited_since, k.since) END AS since,
       (SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
        FROM archive.archived_table AS a
        JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) a.archive_table
        JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        WHERE a.active OPERATOR(pg_catalog.=) r.relation) AS archive_table,
       ARRAY(SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS columns,
       -- The types below domains: a domain may refuse NULL, which a column that the log does not contain is read as.
       ARRAY(SELECT CASE WHEN t.typtype OPERATOR(pg_catalog.<>) 'd' THEN pg_catalog.format_type(c.atttypid, c.atttypmod) ELSE (
                         WITH RECURSIVE based AS (
                             SELECT c.atttypid AS oid, c.atttypmod AS modifier, 0 AS depth
                             UNION ALL
                             SELECT t.typbasetype, t.typtypmod, b.depth OPERATOR(pg_catalog.+) 1
                             FROM based AS b JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) b.oid
                             WHERE t.typtype OPERATOR(pg_catalog.=) 'd')
                         SELECT pg_catalog.format_type(b.oid, b.modifier) FROM based AS b ORDER BY b.depth DESC LIMIT 1) END
             FROM pg_catalog.pg_attribute AS c JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) c.atttypid
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS types,
       -- Whether to_jsonb() writes a value of the type as entries do: without a cast, and whatever the settings of the session are.
       ARRAY(SELECT c.atttypid OPERATOR(pg_catalog.=) ANY ('{int2,int4,int8,bool,text,varchar,bpchar,uuid,numeric,date,timestamp,jsonb}'::pg_catalog.regtype[]::pg_catalog.oid[])
             FROM pg_catalog.pg_attribute AS c
             WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum) AS plain,
       -- Whether each name in the log is that of the column that has it now: every recorded column exists, and no other.
       r.known_place OPERATOR(pg_catalog.=) archive.place_of(r.relation)
           AND pg_catalog.jsonb_array_length(r.column_names) OPERATOR(pg_catalog.=) (
               SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute AS c
               WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum > 0 AND NOT c.attisdropped)
           AND NOT EXISTS (
               SELECT FROM pg_catalog.jsonb_to_recordset(r.column_names) AS n (name pg_catalog.text, number pg_catalog.int2)
               WHERE NOT EXISTS (
                   SELECT FROM pg_catalog.pg_attribute AS c
                   WHERE c.attrelid OPERATOR(pg_catalog.=) r.relation AND c.attnum OPERATOR(pg_catalog.=) n.number
                     AND c.attname::pg_catalog.text OPERATOR(pg_catalog.=) n.name AND NOT c.attisdropped)) AS has_one_name_each,
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
CROSS JOIN LATERAL (SELECT archive.audit_key_since(r.id) AS since) AS k
WHERE r.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)

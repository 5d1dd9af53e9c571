-- The descriptions of the tables $1 as one JSON array, in their order. A NULL in $1 results in null.
--
-- This is the body of a function with its own search_path, so that no schema of the caller gives a function or an operator
-- another meaning.
--
-- Planning this query takes much longer than running it, so the function caches the plan of its first call. (SELECT $1) instead
-- of $1, so that it is the same plan for any number of tables.
WITH RECURSIVE asked AS (
    SELECT ord, oid FROM unnest((SELECT $1)) WITH ORDINALITY AS tables(oid, ord)
),
-- A foreign key may refer to a single partition. Its rows are rows of the partitioned table too.
member AS (
    SELECT oid AS root, oid FROM asked WHERE oid IS NOT NULL
    UNION
    SELECT m.root, i.inhrelid FROM member AS m JOIN pg_inherits AS i ON i.inhparent = m.oid
),
-- The type as SQL text that means the same under any search_path. NOT MATERIALIZED, so that only the columns that are needed are
-- read, not those of all tables.
typed AS NOT MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull,
           a.attidentity, a.attgenerated, a.atthasdef,
           CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN format_type(a.atttypid, a.atttypmod)
                ELSE format('%s.%I', t.typnamespace::regnamespace, t.typname) END AS type,
           -- How a value is written into JSON exactly, by the type below all domains.
           (WITH RECURSIVE based AS (
                SELECT t.oid, t.typtype, t.typbasetype
                UNION ALL
                SELECT u.oid, u.typtype, u.typbasetype FROM based AS b JOIN pg_type AS u ON u.oid = b.typbasetype WHERE b.typtype = 'd'
            )
            SELECT CASE WHEN b.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype) THEN 'json'
                        WHEN b.typtype = 'e' OR b.oid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype,
                                                          'uuid'::regtype, 'numeric'::regtype) THEN 'text'
                        WHEN b.oid = 'money'::regtype THEN 'inexact'
                        ELSE 'settings' END
            FROM based AS b WHERE b.typtype <> 'd') AS form
    FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE a.attnum > 0 AND NOT a.attisdropped
),
-- The columns of primary keys, each with the operator that the index compares with.
key_column AS NOT MATERIALIZED (
    SELECT i.indrelid, k.ord, a.attname, a.type, a.form,
           format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname) AS equals
    FROM pg_index AS i
    CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k(attnum, class, ord)
    JOIN typed AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    JOIN pg_opclass AS oc ON oc.oid = k.class
    JOIN pg_amop AS ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
                      AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
    JOIN pg_operator AS o ON o.oid = ao.amopopr
    WHERE i.indisprimary AND k.ord <= i.indnkeyatts
),
-- The tenant columns, including nullable ones: a row with a NULL there has no tenant, and is not shared.
tenant AS (
    SELECT DISTINCT ON (s.relation) s.relation, a.attname,
           (WITH RECURSIVE based AS (
                SELECT t.oid, t.typtype, t.typbasetype FROM pg_type AS t WHERE t.oid = a.atttypid
                UNION ALL
                SELECT u.oid, u.typtype, u.typbasetype FROM based AS b JOIN pg_type AS u ON u.oid = b.typbasetype WHERE b.typtype = 'd'
            )
            -- The ids of users' objects begin at 16384.
            SELECT b.oid < 16384 FROM based AS b WHERE b.typtype <> 'd') AS is_builtin
    FROM archive.tenancy_scope AS s
    -- OFFSET 0: by the index. The planner would read all columns of the database otherwise.
    CROSS JOIN LATERAL (SELECT a.attname, a.atttypid FROM pg_attribute AS a
                        WHERE a.attrelid = s.relation AND a.attname = s.wanted_column AND NOT a.attisdropped OFFSET 0) AS a
    ORDER BY s.relation
),
-- The columns whose changes archive.follow_key() handles: its trigger depends on the columns that its condition names.
followed AS NOT MATERIALIZED (
    SELECT t.tgrelid AS relation, d.refobjsubid AS attnum
    FROM pg_catalog.pg_trigger AS t
    JOIN pg_catalog.pg_depend AS d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass
                                  AND d.objid OPERATOR(pg_catalog.=) t.oid AND d.refobjid OPERATOR(pg_catalog.=) t.tgrelid
    WHERE t.tgname OPERATOR(pg_catalog.=) 'archive_follow_key' AND t.tgenabled OPERATOR(pg_catalog.=) 'A'
      AND t.tgfoid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure('archive.follow_key()')
),
-- A foreign key with the properties of both of its tables.
foreign_key AS (
    SELECT c.oid, c.conname, c.conrelid, c.confrelid, c.confdeltype, c.condeferrable,
           -- A column since PostgreSQL 18. Before, every foreign key is enforced.
           coalesce((pg_catalog.to_jsonb(c)->>'conenforced')::boolean, true) AS enforced,
           jsonb_build_object(
               'name', c.conname,
               'on_delete', c.confdeltype,
               'deferrable', c.condeferrable,
               'child', jsonb_build_object('oid', c.conrelid::bigint, 'schema', cn.nspname, 'table', cc.relname,
                                           'hides_rows', row_security_active(c.conrelid),
                                           'tenant', (SELECT t.attname FROM tenant AS t WHERE t.relation = c.conrelid),
                                           'tenant_is_builtin', (SELECT t.is_builtin FROM tenant AS t WHERE t.relation = c.conrelid),
                                           'guarded', guarded.is),
               'parent', jsonb_build_object('oid', c.confrelid::bigint, 'schema', pn.nspname, 'table', pc.relname,
                                            'hides_rows', row_security_active(c.confrelid)),
               'follows_parent', NOT EXISTS (
                   SELECT FROM unnest(c.confkey) AS k(attnum)
                   WHERE NOT EXISTS (SELECT FROM followed AS f WHERE f.relation OPERATOR(pg_catalog.=) c.confrelid
                                                                 AND f.attnum OPERATOR(pg_catalog.=) k.attnum)),
               'follows_child', NOT EXISTS (
                   SELECT FROM pg_constraint AS p, unnest(p.conkey) AS k(attnum)
                   WHERE p.conrelid OPERATOR(pg_catalog.=) c.conrelid AND p.contype OPERATOR(pg_catalog.=) 'p'
                     AND NOT EXISTS (SELECT FROM followed AS f WHERE f.relation OPERATOR(pg_catalog.=) c.conrelid
                                                                 AND f.attnum OPERATOR(pg_catalog.=) k.attnum)),
               'columns', (
                   SELECT jsonb_agg(jsonb_build_object(
                              'child', ca.attname, 'parent', pa.attname, 'child_type', ca.type, 'child_form', ca.form,
                              'child_not_null', ca.attnotnull,
                              'set_null', c.confdelsetcols IS NULL OR k.child OPERATOR(pg_catalog.=) ANY (c.confdelsetcols),
                              'equals', format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname)
                          ) ORDER BY k.ord)
                   FROM unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS k(child, parent, op, ord)
                   JOIN typed AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
                   JOIN typed AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
                   JOIN pg_operator AS o ON o.oid = k.op
               ),
               'child_key', (
                   SELECT jsonb_agg(jsonb_build_object('name', k.attname, 'type', k.type, 'form', k.form, 'equals', k.equals) ORDER BY k.ord)
                   FROM key_column AS k WHERE k.indrelid = c.conrelid
               )
           ) AS described
    FROM pg_constraint AS c
    JOIN pg_class AS cc ON cc.oid = c.conrelid JOIN pg_namespace AS cn ON cn.oid = cc.relnamespace
    JOIN pg_class AS pc ON pc.oid = c.confrelid JOIN pg_namespace AS pn ON pn.oid = pc.relnamespace
    -- Whether a guard makes it an error if the foreign key changes rows of another tenant.
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM tenant AS t WHERE t.relation = c.conrelid)
               AND NOT EXISTS (
                   SELECT FROM (SELECT c.conrelid AS oid UNION SELECT p.relid FROM pg_partition_tree(c.conrelid) AS p) AS p
                   WHERE NOT EXISTS (
                       SELECT FROM pg_trigger AS t
                       WHERE t.tgrelid = p.oid AND t.tgname = 'tenancy_guard' AND t.tgenabled = 'A' AND t.tgtype & 27 = 27
                         AND t.tgfoid = to_regproc('archive.tenancy_guard'))) AS is
    ) AS guarded
    WHERE c.contype = 'f' AND c.conparentid = 0
      AND (c.conrelid IN (SELECT a.oid FROM asked AS a) OR c.confrelid IN (SELECT m.oid FROM member AS m))
)
SELECT coalesce(jsonb_agg(CASE WHEN c.oid IS NULL THEN NULL ELSE jsonb_build_object(
    'oid', c.oid::bigint,
    'schema', n.nspname,
    'table', c.relname,
    'kind', c.relkind,
    'is_partition', c.relispartition,
    'has_inheritors', c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid),
    'inherits', EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = c.oid),
    'persistence', c.relpersistence,
    -- The column of a RANGE partition key, where no row can be without a partition, and a crash empties none.
    'range_column', (
        SELECT a.attname FROM pg_partitioned_table AS k JOIN typed AS a ON a.attrelid = k.partrelid AND a.attnum = k.partattrs[0]
        WHERE k.partrelid = c.oid AND k.partstrat = 'r' AND k.partnatts = 1 AND k.partdefid <> 0
          AND NOT EXISTS (SELECT FROM member AS m JOIN pg_class AS p ON p.oid = m.oid
                          WHERE m.root = c.oid AND m.oid <> c.oid AND (p.relkind <> 'r' OR p.relpersistence <> 'p'))
    ),
    -- pg_class.relhasrules stays true after the last rule is dropped, until a VACUUM.
    'has_rules', EXISTS (SELECT FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class = c.oid),
    'defers_uniqueness', EXISTS (SELECT FROM pg_constraint AS u WHERE u.conrelid = c.oid AND u.contype IN ('p', 'u', 'x') AND u.condeferrable),
    'row_security', c.relrowsecurity,
    'hides_rows', row_security_active(c.oid),
    'tenant', (SELECT t.attname FROM tenant AS t WHERE t.relation = c.oid),
    'tenant_is_builtin', (SELECT t.is_builtin FROM tenant AS t WHERE t.relation = c.oid),
    'columns', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', a.attname, 'type', a.type, 'type_oid', a.atttypid::bigint, 'type_modifier', a.atttypmod,
                   'collation', a.attcollation::bigint, 'not_null', a.attnotnull,
                   'generated', a.attgenerated <> '', 'identity', a.attidentity,
                   'has_default', a.atthasdef OR a.attidentity <> ''
               ) ORDER BY a.attnum), '[]')
        FROM typed AS a WHERE a.attrelid = c.oid
    ),
    'key', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.attname, 'type', k.type, 'form', k.form, 'equals', k.equals) ORDER BY k.ord), '[]')
        FROM key_column AS k WHERE k.indrelid = c.oid
    ),
    'checks', (
        SELECT coalesce(pg_catalog.jsonb_agg(k.conname ORDER BY k.conname), '[]')
        FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid = c.oid AND k.contype = 'c'
          AND pg_catalog.to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'
    ),
    -- Rows from before such a constraint may violate it, and could be archived but not inserted again.
    'unvalidated', (
        SELECT coalesce(pg_catalog.jsonb_agg(k.conname ORDER BY k.conname), '[]')
        FROM pg_catalog.pg_constraint AS k
        WHERE k.conrelid = c.oid AND NOT k.convalidated
          AND pg_catalog.to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'
    ),
    'unique_indexes', (
        SELECT coalesce(pg_catalog.jsonb_agg(x.relname ORDER BY x.relname), '[]')
        FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
        WHERE i.indrelid = c.oid AND NOT i.indisprimary AND (i.indisunique OR i.indisexclusion)
    ),
    -- The columns that are compared with = and the expressions that are compared with &&; `parts` counts all.
    'exclusions', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', x.conname,
                   'equal', (
                       SELECT coalesce(jsonb_agg(a.attname ORDER BY k.ord), '[]')
                       FROM unnest(i.indkey::int2[], x.conexclop) WITH ORDINALITY AS k(attnum, op, ord)
                       JOIN pg_operator AS o ON o.oid = k.op AND o.oprname = '='
                       JOIN typed AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                   ),
                   'apart', (
                       SELECT coalesce(jsonb_agg(pg_get_indexdef(i.indexrelid, k.ord::integer, true) ORDER BY k.ord), '[]')
                       FROM unnest(i.indkey::int2[], x.conexclop) WITH ORDINALITY AS k(attnum, op, ord)
                       JOIN pg_operator AS o ON o.oid = k.op AND o.oprname = '&&'
                   ),
                   'parts', i.indnkeyatts,
                   'only_where', pg_get_expr(i.indpred, i.indrelid, true)
               ) ORDER BY x.conname), '[]')
        FROM pg_constraint AS x JOIN pg_index AS i ON i.indexrelid = x.conindid
        WHERE x.conrelid = c.oid AND x.contype = 'x' AND x.convalidated
    ),
    'row_triggers', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'name', t.tgname,
                   'before_insert', t.tgtype & 7 = 7,
                   'before_delete', t.tgtype & 11 = 11,
                   'before_update', t.tgtype & 19 = 19,
                   'on_insert', t.tgtype & 4 = 4,
                   'on_delete', t.tgtype & 8 = 8,
                   'on_update', t.tgtype & 16 = 16,
                   'function', f.proname,
                   'deferred', t.tginitdeferred,
                   'constraint', (SELECT k.conname FROM pg_constraint AS k WHERE k.oid = t.tgconstraint AND k.condeferrable),
                   'schema', (SELECT n.nspname FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE r.oid = t.tgrelid),
                   'suspended_while', coalesce(archive.suspended_while(t.oid)::bigint[], '{}'),
                   -- A function of this schema belongs to the framework: its effects on other rows are known.
                   'ours', f.pronamespace OPERATOR(pg_catalog.=) to_regnamespace('archive')
               ) ORDER BY t.tgname), '[]')
        FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid OPERATOR(pg_catalog.=) t.tgfoid
        -- A partition can have triggers of its own.
        WHERE t.tgrelid IN (SELECT m.oid FROM member AS m WHERE m.root OPERATOR(pg_catalog.=) c.oid)
          AND t.tgparentid OPERATOR(pg_catalog.=) 0
          AND NOT t.tgisinternal
          -- The trigger of a partition can be enabled where that of the table is not.
          AND EXISTS (
              WITH RECURSIVE clone AS (
                  SELECT t.oid, t.tgenabled
                  UNION ALL
                  SELECT k.oid, k.tgenabled FROM clone AS o JOIN pg_trigger AS k ON k.tgparentid OPERATOR(pg_catalog.=) o.oid
              )
              SELECT FROM clone AS o WHERE o.tgenabled <> 'D')
          -- It returns a row unchanged, or raises.
          AND t.tgfoid IS DISTINCT FROM to_regproc('archive.tenancy_guard')::oid
    ),
    'incoming', (
        SELECT coalesce(jsonb_agg(f.described ORDER BY f.conname, f.oid), '[]')
        FROM foreign_key AS f WHERE f.enforced AND f.confrelid IN (SELECT m.oid FROM member AS m WHERE m.root = c.oid)
    ),
    'not_enforced', (
        SELECT coalesce(jsonb_agg(f.described ORDER BY f.conname, f.oid), '[]')
        FROM foreign_key AS f WHERE NOT f.enforced AND f.confrelid IN (SELECT m.oid FROM member AS m WHERE m.root = c.oid)
    ),
    'outgoing', (
        SELECT coalesce(jsonb_agg(f.described ORDER BY f.conname, f.oid), '[]')
        FROM foreign_key AS f WHERE f.enforced AND f.conrelid = c.oid
    ),
    'archive_table', (
        SELECT jsonb_build_object(
                   'oid', r.archive_table::oid::bigint, 'schema', tn.nspname, 'table', tc.relname,
                   'hides_rows', row_security_active(tc.oid), 'deleted_at', r.deleted_at_column, 'deleted_by', r.deleted_by_column,
                   'archival_id', r.archival_id_column, 'renamed_archival_id', archive.renamed_archival_id(c.oid),
                   'is_partitioned', tc.relkind = 'p')
        FROM archive.archived_table AS r
        JOIN pg_class AS tc ON tc.oid = r.archive_table JOIN pg_namespace AS tn ON tn.oid = tc.relnamespace
        WHERE r.active = c.oid
    )
) END ORDER BY asked.ord), '[]') AS tables
FROM asked
LEFT JOIN pg_class AS c ON c.oid = asked.oid
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace

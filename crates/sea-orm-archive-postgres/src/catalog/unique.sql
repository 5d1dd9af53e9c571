-- The unique indexes and exclusion constraints of the tables in $1 as one JSON array, with expressions that can be evaluated over
-- any table with the same columns.
--
-- This is the body of a function with its own search_path; see read.sql.
SELECT coalesce(jsonb_agg(jsonb_build_object(
    'table', i.indrelid::bigint,
    'name', ic.relname,
    'primary', i.indisprimary,
    'nulls_equal', i.indnullsnotdistinct,
    'predicate', pg_get_expr(i.indpred, i.indrelid),
    'parts', (
        SELECT jsonb_agg(jsonb_build_object(
                   'name', coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k.ord::int, true)),
                   'expression', pg_get_indexdef(i.indexrelid, k.ord::int, false),
                   'is_column', a.attname IS NOT NULL,
                   'operator', format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname)
               ) ORDER BY k.ord)
        FROM unnest(i.indkey::int2[], i.indclass::oid[], c.conexclop) WITH ORDINALITY AS k(attnum, class, exclusion, ord)
        JOIN pg_opclass AS oc ON oc.oid = k.class
        LEFT JOIN pg_amop AS ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
                               AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
                               AND c.conexclop IS NULL
        JOIN pg_operator AS o ON o.oid = coalesce(k.exclusion, ao.amopopr)
        LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
        WHERE k.ord <= i.indnkeyatts
    )
) ORDER BY i.indrelid, i.indisprimary DESC, ic.relname), '[]') AS indexes
FROM pg_index AS i
JOIN pg_class AS ic ON ic.oid = i.indexrelid
LEFT JOIN pg_constraint AS c ON c.conindid = i.indexrelid AND c.contype = 'x' AND c.conrelid = i.indrelid
WHERE i.indrelid = ANY ($1) AND (i.indisunique OR i.indisexclusion) AND i.indislive

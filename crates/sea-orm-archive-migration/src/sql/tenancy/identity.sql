-- How a row of the table $1 says whose it is where that is told by its identity, as SQL: the identity is there for
-- whoever asks, active or archived. $2 is the history. Read with an empty search_path.
SELECT string_agg(format('EXISTS (SELECT FROM %s AS i WHERE %s)', s.source, s.same), ' OR ' ORDER BY s.place) AS is_own
FROM archive.history_table AS h
JOIN pg_class AS c ON c.oid = $1::bigint::oid
JOIN pg_namespace AS cn ON cn.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT 1 AS place, h.identity::oid AS id
    UNION ALL
    SELECT 2, r.twin::oid FROM archive.archived_table AS r WHERE r.active = h.identity
) AS i
CROSS JOIN LATERAL (
    SELECT i.place, i.id::regclass::text AS source,
           string_agg(format('i.%I OPERATOR(%I.%s) %I.%I.%I', ka.attname, o.oprnamespace::regnamespace::name, o.oprname,
                             cn.nspname, c.relname, h.identity_columns[k.ord]), ' AND ' ORDER BY k.ord) AS same
    FROM pg_index AS x
    CROSS JOIN unnest(x.indkey::int2[], x.indclass::oid[]) WITH ORDINALITY AS k(attnum, class, ord)
    JOIN pg_attribute AS ka ON ka.attrelid = x.indrelid AND ka.attnum = k.attnum
    JOIN pg_opclass AS oc ON oc.oid = k.class
    JOIN pg_amop AS ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
                      AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
    JOIN pg_operator AS o ON o.oid = ao.amopopr
    WHERE x.indrelid = i.id AND x.indisprimary AND k.ord <= x.indnkeyatts
) AS s
WHERE h.history = $2::bigint::oid

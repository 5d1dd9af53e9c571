-- The objects that depend on the columns $2 of the table $1, with what ALTER TABLE .. DROP COLUMN does not report: it drops the indexes
-- and constraints on the column, and refuses where a view, a policy or the like depends on it.
WITH mark AS (
    SELECT a.attrelid, a.attnum FROM pg_attribute AS a
    WHERE a.attrelid = $1::bigint::oid AND a.attname::text = ANY ($2) AND NOT a.attisdropped
),
dependent AS (
    SELECT DISTINCT d.classid, d.objid FROM pg_depend AS d JOIN mark AS m ON d.refobjid = m.attrelid AND d.refobjsubid = m.attnum
    WHERE d.refclassid = 'pg_class'::regclass
),
-- The same columns of the partitions.
part AS (
    SELECT t.relid FROM pg_partition_tree($1::bigint::regclass) AS t WHERE t.relid::oid <> $1::bigint::oid
)
-- Indexes that belong to no constraint.
SELECT 'index' AS kind, c.relname::text AS name,
       -- Of a partitioned table PostgreSQL writes ON ONLY, which creates an index that its partitions lack.
       CASE c.relkind WHEN 'I' THEN replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') ELSE pg_get_indexdef(i.indexrelid) END AS definition,
       -- The definition after the name.
       substr(CASE c.relkind WHEN 'I' THEN replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') ELSE pg_get_indexdef(i.indexrelid) END,
              length(concat(CASE WHEN i.indisunique THEN 'CREATE UNIQUE INDEX ' ELSE 'CREATE INDEX ' END, quote_ident(c.relname))) + 1) AS body,
       pg_get_expr(i.indpred, i.indrelid) AS predicate, i.indisunique AS is_unique,
       EXISTS (SELECT FROM mark AS m WHERE m.attnum = ANY (i.indkey::int2[]))
           OR i.indexprs IS NOT NULL AND EXISTS (SELECT FROM unnest($2::text[]) AS n(name) WHERE strpos(pg_get_expr(i.indexprs, i.indrelid), n.name) > 0) AS mixed,
       format('the index "%s"', c.relname) AS description
FROM dependent AS d JOIN pg_index AS i ON i.indexrelid = d.objid JOIN pg_class AS c ON c.oid = i.indexrelid
WHERE d.classid = 'pg_class'::regclass AND i.indrelid = $1::bigint::oid
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
UNION ALL
-- Of an exclusion constraint only its index depends on the columns of its condition.
SELECT DISTINCT 'constraint', k.conname::text, pg_get_constraintdef(k.oid), NULL, NULL, k.contype IN ('p', 'u', 'x'),
       k.contype NOT IN ('f', 'c') OR k.conrelid <> $1::bigint::oid
           OR EXISTS (SELECT FROM unnest(k.conkey) AS n(attnum) WHERE n.attnum NOT IN (SELECT m.attnum FROM mark AS m)),
       format('the constraint "%s" of %s', k.conname, k.conrelid::regclass)
FROM dependent AS d JOIN pg_constraint AS k
    ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    OR d.classid = 'pg_class'::regclass AND k.conindid = d.objid AND k.contype = 'x'
WHERE k.contype <> 'n'
UNION ALL
SELECT 'statistics', s.stxname::text, pg_get_statisticsobjdef(s.oid), NULL, NULL, false, false, format('the statistics "%s"', s.stxname)
FROM dependent AS d JOIN pg_statistic_ext AS s ON s.oid = d.objid
WHERE d.classid = 'pg_statistic_ext'::regclass
UNION ALL
-- What a partition has for itself: the table has no definition of it.
SELECT DISTINCT 'other', '', '', NULL, NULL, false, true, concat('the ', pg_describe_object(d.classid, d.objid, 0))
FROM part AS p
JOIN pg_attribute AS a ON a.attrelid = p.relid AND a.attname::text = ANY ($2) AND NOT a.attisdropped
JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
WHERE d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass, 'pg_statistic_ext'::regclass, 'pg_rewrite'::regclass, 'pg_policy'::regclass)
  AND NOT EXISTS (SELECT FROM pg_inherits AS h WHERE d.classid = 'pg_class'::regclass AND h.inhrelid = d.objid)
  AND NOT EXISTS (SELECT FROM pg_class AS c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind = 'S')
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND (k.coninhcount > 0 OR k.contype = 'n'))
UNION ALL
SELECT 'other', '', '', NULL, NULL, false, true,
       CASE WHEN d.classid = 'pg_rewrite'::regclass
            THEN (SELECT format('the view %s', w.ev_class::regclass) FROM pg_rewrite AS w WHERE w.oid = d.objid)
            ELSE concat('the ', pg_describe_object(d.classid, d.objid, 0)) END
FROM dependent AS d
WHERE d.classid NOT IN ('pg_constraint'::regclass, 'pg_statistic_ext'::regclass)
  AND NOT (d.classid = 'pg_class'::regclass AND (SELECT c.relkind IN ('i', 'I', 'S') FROM pg_class AS c WHERE c.oid = d.objid))
  -- The default of the column itself.
  AND NOT (d.classid = 'pg_attrdef'::regclass
           AND EXISTS (SELECT FROM pg_attrdef AS a JOIN mark AS m ON m.attrelid = a.adrelid AND m.attnum = a.adnum WHERE a.oid = d.objid))
ORDER BY kind, name

-- Statements that drop the constraints, columns and defaults that enable_tenancy() created in the table $1 and its histories:
-- foreign keys before the unique constraints that they refer to, and such a constraint only where no other foreign key refers
-- to it; columns last.
SELECT pg_catalog.format(CASE o.kind WHEN 'constraint' THEN 'ALTER TABLE %I.%I DROP CONSTRAINT IF EXISTS %I'
                                     WHEN 'column' THEN 'ALTER TABLE %I.%I DROP COLUMN IF EXISTS %I'
                                     ELSE 'ALTER TABLE IF EXISTS %I.%I ALTER COLUMN %I DROP DEFAULT' END,
                         n.nspname, c.relname, o.name) AS statement
FROM archive.tenancy_object AS o
JOIN archive.tenancy_scope AS s ON s.relation = o.relation AND s.origin = $1::bigint::oid
JOIN pg_catalog.pg_class AS c ON c.oid = o.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = o.relation AND k.conname = o.name AND o.kind = 'constraint'
WHERE o.kind = 'constraint' AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_constraint AS f
          WHERE f.confrelid = k.conrelid AND f.conindid = k.conindid AND f.contype = 'f' AND k.contype = 'u'
            AND NOT EXISTS (SELECT FROM archive.tenancy_object AS m
                            WHERE m.relation = f.conrelid AND m.name = f.conname AND m.kind = 'constraint'))
   OR o.kind = 'column'
   OR o.kind = 'default' AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                                     WHERE a.attrelid = o.relation AND a.attname = o.name AND NOT a.attisdropped)
      AND NOT EXISTS (SELECT FROM archive.tenancy_object AS m
                      WHERE m.relation = o.relation AND m.name = o.name AND m.kind = 'column')
ORDER BY o.kind = 'column', k.contype = 'u'

-- Statements that let the histories of the table $1 follow it, whose column is called $2 now: where enable_tenancy() made
-- the column there, and not somebody else.
SELECT pg_catalog.format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', n.nspname, c.relname, o.name, $2::text) AS statement
FROM archive.tenancy AS t
JOIN archive.tenancy_scope AS s ON s.origin = t.relation
JOIN archive.tenancy_object AS o ON o.relation = s.relation AND o.kind = 'column' AND o.name = t.tenant_name
JOIN pg_catalog.pg_class AS c ON c.oid = o.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE t.relation = $1::bigint::oid AND t.tenant_name <> $2::text
  AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
              WHERE a.attrelid = o.relation AND a.attname = o.name AND NOT a.attisdropped)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                  WHERE a.attrelid = o.relation AND a.attname = $2::text AND NOT a.attisdropped)

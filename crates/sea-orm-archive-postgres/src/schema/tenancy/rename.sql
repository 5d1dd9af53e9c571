-- Statements that rename the tenant column in the histories of the table $1 after it was renamed in the table. Only columns that
-- enable_tenancy() created are renamed.
SELECT pg_catalog.format('ALTER TABLE %I.%I RENAME COLUMN %I TO %I', n.nspname, c.relname, o.name, s.wanted_column) AS statement
FROM archive.tenancy_scope AS s
JOIN archive.tenancy_object AS o ON o.relation = s.relation AND o.kind = 'column' AND o.name <> s.wanted_column
JOIN pg_catalog.pg_class AS c ON c.oid = o.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE s.origin = $1::bigint::oid
  AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
              WHERE a.attrelid = o.relation AND a.attname = o.name AND NOT a.attisdropped)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a
                  WHERE a.attrelid = o.relation AND a.attname = s.wanted_column AND NOT a.attisdropped)

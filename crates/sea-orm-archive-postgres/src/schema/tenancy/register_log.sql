-- Registers which column of the table $1 says whose a row is, and answers what its entries were told before: whether all
-- of them by this column, or else up to which one.
UPDATE archive.audited_table AS r
SET tenant = a.attnum, tenant_name = a.attname, told_until = NULL, told_tenant = NULL, told_tenant_name = NULL
FROM archive.tenancy_scope AS s
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.tenant_column
JOIN archive.audited_table AS b ON b.relation = s.relation
-- By its name first: a dump and a restore number columns anew.
LEFT JOIN LATERAL (
    SELECT c.attnum FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = s.relation AND NOT c.attisdropped AND b.tenant IS NOT NULL AND (c.attname = b.tenant_name OR c.attnum = b.tenant)
    ORDER BY c.attname <> b.tenant_name LIMIT 1
) AS told ON true
-- Of a history, that of its identities: its own may have been made for tenancy, and dropped since.
LEFT JOIN LATERAL (
    SELECT c.attname FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = s.origin AND NOT c.attisdropped AND (c.attname = b.told_tenant_name OR c.attnum = b.told_tenant)
    ORDER BY c.attname <> b.told_tenant_name LIMIT 1
) AS once ON true
WHERE r.id = b.id AND s.relation = $1::bigint::oid AND (b.tenant, b.tenant_name) IS DISTINCT FROM (a.attnum, a.attname::text)
RETURNING r.table_name, s.tenant_column::text AS tenant_column, coalesce(told.attnum = a.attnum, false) AS is_told,
          CASE WHEN once.attname = s.wanted_column THEN b.told_until END AS told_until

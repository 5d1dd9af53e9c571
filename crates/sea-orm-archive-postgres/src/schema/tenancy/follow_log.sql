-- Registers the tenant column of the audited table $1, where none, another one, or an earlier name of it is registered. Returns
-- whether it is the same column as before.
UPDATE archive.audited_table AS r
SET tenant = a.attnum, tenant_name = a.attname
FROM archive.tenancy_scope AS s
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.tenant_column
JOIN archive.audited_table AS b ON b.relation = s.relation
-- By its name first: a dump and a restore number the columns again.
LEFT JOIN LATERAL (
    SELECT c.attnum FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = s.relation AND NOT c.attisdropped AND b.tenant IS NOT NULL AND (c.attname = b.tenant_name OR c.attnum = b.tenant)
    ORDER BY c.attname <> b.tenant_name LIMIT 1
) AS before ON true
WHERE r.id = b.id AND s.relation = $1::bigint::oid AND (b.tenant, b.tenant_name) IS DISTINCT FROM (a.attnum, a.attname::text)
RETURNING before.attnum IS NOT DISTINCT FROM a.attnum AS is_same

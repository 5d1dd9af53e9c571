-- A tenant sees every change of its rows after the last entry without a tenant; see audit/watched.sql.
UPDATE archive.audited_table AS r
SET attributed_since = (SELECT pg_catalog.max(e.at) FROM archive.audit_entry AS e
                        WHERE e.table_name = r.table_name AND e.tenant IS NULL AND e.key IS NOT NULL)
WHERE r.relation = $1::bigint::oid

-- Row-level security of the audit log: a session sees the entries of the rows that it may see. Entries of a table that is not
-- under tenancy are visible to every tenant while the table is audited, except entries of an earlier table of that name.
-- Triggers write entries of any tenant, as the owner of the log. They read only the details of their own transaction.
ALTER TABLE archive.audit_entry ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE archive.audit_details ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenancy ON archive.audit_entry;
CREATE POLICY tenancy ON archive.audit_entry FOR SELECT
    USING (tenant OPERATOR(pg_catalog.=) archive.current_tenant()
           OR EXISTS (SELECT FROM archive.audited_table AS r
                      WHERE r.table_name OPERATOR(pg_catalog.=) audit_entry.table_name AND r.tenant IS NULL
                        AND r.audited_since OPERATOR(pg_catalog.<=) audit_entry.at));
DROP POLICY IF EXISTS tenancy ON archive.audit_details;
CREATE POLICY tenancy ON archive.audit_details FOR SELECT
    USING (tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS tenancy_writing ON archive.audit_entry;
CREATE POLICY tenancy_writing ON archive.audit_entry FOR INSERT TO {owner} WITH CHECK (true);
DROP POLICY IF EXISTS tenancy_writing ON archive.audit_details;
CREATE POLICY tenancy_writing ON archive.audit_details FOR INSERT TO {owner} WITH CHECK (true);
DROP POLICY IF EXISTS tenancy_reading ON archive.audit_details;
CREATE POLICY tenancy_reading ON archive.audit_details FOR SELECT TO {owner}
    USING (transaction_id OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::text::bigint);
-- An erasure, which runs as the owner, erases entries and details of the tenant, or of every tenant for an administrator.
DROP POLICY IF EXISTS tenancy_erasing ON archive.audit_entry;
CREATE POLICY tenancy_erasing ON archive.audit_entry TO {owner} USING (archive.acts_for(coalesce(tenant, '')));
DROP POLICY IF EXISTS tenancy_erasing ON archive.audit_details;
CREATE POLICY tenancy_erasing ON archive.audit_details TO {owner} USING (archive.acts_for(coalesce(tenant, '')));

-- Row-level security of the audit log. An entry without a tenant is for administrators. Triggers write entries of
-- any tenant, as the owner of the log; of the details they look for those of their own transaction.
ALTER TABLE archive.audit_entry ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE archive.audit_details ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenancy ON archive.audit_entry;
CREATE POLICY tenancy ON archive.audit_entry FOR SELECT
    USING (tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS tenancy ON archive.audit_details;
CREATE POLICY tenancy ON archive.audit_details FOR SELECT
    USING (tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS tenancy_writing ON archive.audit_entry;
CREATE POLICY tenancy_writing ON archive.audit_entry FOR INSERT TO {owner} WITH CHECK (true);
DROP POLICY IF EXISTS tenancy_writing ON archive.audit_details;
CREATE POLICY tenancy_writing ON archive.audit_details FOR INSERT TO {owner} WITH CHECK (true);
DROP POLICY IF EXISTS tenancy_looking ON archive.audit_details;
CREATE POLICY tenancy_looking ON archive.audit_details FOR SELECT TO {owner}
    USING (transaction_id OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id_if_assigned()::text::bigint);

-- Row-level security of what all tables share: the ledger and the detached links. The tenant of an archival is that
-- of its rows; NULL is that of an archival without any, which is for everybody, and '' nobody's.
ALTER TABLE archive.archival ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE archive.detached_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenancy ON archive.archival;
CREATE POLICY tenancy ON archive.archival
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS tenancy ON archive.detached_link;
CREATE POLICY tenancy ON archive.detached_link
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());

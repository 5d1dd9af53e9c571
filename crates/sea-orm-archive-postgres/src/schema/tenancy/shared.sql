-- Row-level security of the shared tables: the archival table and the detached links. The tenant of an archival is the tenant of
-- its rows. NULL marks an archival of rows without a tenant, which every tenant sees. '' marks an archival from before tenancy,
-- which only the administrator sees.
ALTER TABLE archive.archival ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE archive.detached_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenancy ON archive.archival;
CREATE POLICY tenancy ON archive.archival
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS every_record ON archive.archival;
DROP POLICY IF EXISTS tenancy ON archive.detached_link;
CREATE POLICY tenancy ON archive.detached_link
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());
-- The functions that write records run as their owner. They act for every tenant only where the session does.
DROP POLICY IF EXISTS tenancy_recording ON archive.archival;
CREATE POLICY tenancy_recording ON archive.archival TO {owner} USING (archive.acts_for_all({administrator}));
DROP POLICY IF EXISTS tenancy_recording ON archive.detached_link;
-- The change of a key and the deletion of a row affect the links of every tenant. The functions that write links for a session
-- call archive.acts_for() themselves.
CREATE POLICY tenancy_recording ON archive.detached_link TO {owner} USING (true);

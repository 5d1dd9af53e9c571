-- Row-level security of what all tables share: the archival table and the detached links. The tenant of an archival is that
-- of its rows; NULL is that of an archival without any, which is shared, and '' of one from before tenancy, which is the
-- administrator's.
ALTER TABLE archive.archival ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE archive.detached_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenancy ON archive.archival;
CREATE POLICY tenancy ON archive.archival
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());
DROP POLICY IF EXISTS every_record ON archive.archival;
DROP POLICY IF EXISTS tenancy ON archive.detached_link;
CREATE POLICY tenancy ON archive.detached_link
    USING (tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant());
-- The functions that write records run as their owner, and act for every tenant where the session does.
DROP POLICY IF EXISTS tenancy_recording ON archive.archival;
CREATE POLICY tenancy_recording ON archive.archival TO {owner} USING (archive.acts_for_all({administrator}));
DROP POLICY IF EXISTS tenancy_recording ON archive.detached_link;
-- A key that changes and a row that is deleted concern the links of every tenant. The functions that write links for a
-- session ask archive.acts_for() themselves.
CREATE POLICY tenancy_recording ON archive.detached_link TO {owner} USING (true);

-- Which tables are under tenancy, what follows from that for other tables, and the functions that policies and
-- guards call. Every statement may run again.

CREATE TABLE IF NOT EXISTS archive.tenancy (
    relation      regclass PRIMARY KEY,
    tenant        smallint NOT NULL, -- the column that says whose row it is, by number: no renaming changes it
    administrator name               -- the role that sees every tenant's rows
);

-- The policies and triggers that enable_tenancy() made, as PostgreSQL writes them: what the check compares with.
CREATE TABLE IF NOT EXISTS archive.tenancy_object (
    relation   regclass NOT NULL,
    kind       text     NOT NULL, -- policy, trigger
    name       name     NOT NULL,
    definition text     NOT NULL,
    PRIMARY KEY (relation, kind, name)
);

-- Every table that holds rows of a table under tenancy, and how each of its rows says whose it is: in a column,
-- or, of a version, by its identity ("by_identity_of").
CREATE OR REPLACE VIEW archive.tenancy_scope AS
WITH RECURSIVE whole AS (
    SELECT t.relation::oid AS relation, t.relation::oid AS origin, NULL::oid AS history, 'table' AS what
    FROM archive.tenancy AS t
    UNION ALL
    SELECT h.history::oid, t.relation::oid, h.history::oid, 'history'
    FROM archive.history_table AS h JOIN archive.tenancy AS t ON t.relation = h.identity
    WHERE NOT EXISTS (SELECT FROM archive.tenancy AS o WHERE o.relation = h.history)
),
paired AS (
    SELECT w.relation, w.origin, w.history, w.what FROM whole AS w
    UNION ALL
    SELECT r.twin::oid, w.origin, w.history, 'twin'
    FROM whole AS w JOIN archive.archived_table AS r ON r.active = w.relation
),
member AS (
    SELECT p.relation, p.origin, p.history, p.what FROM paired AS p
    UNION ALL
    SELECT i.inhrelid, m.origin, m.history, 'partition'
    FROM member AS m
    JOIN pg_catalog.pg_class AS c ON c.oid = m.relation AND c.relkind = 'p'
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = m.relation
)
SELECT m.relation, m.origin, m.what,
       a.attname AS tenant_column,
       CASE WHEN a.attname IS NULL THEN m.history END AS by_identity_of
FROM member AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m.relation
JOIN archive.tenancy AS t ON t.relation = m.origin
JOIN pg_catalog.pg_attribute AS o ON o.attrelid = m.origin AND o.attnum = t.tenant
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = m.relation AND a.attname = o.attname AND a.atttypid = o.atttypid AND a.attnotnull AND NOT a.attisdropped;

-- The policies and guards that are there now, on the tables of the scope and on those that all of them share.
CREATE OR REPLACE VIEW archive.tenancy_found AS
WITH watched AS (
    SELECT s.relation FROM archive.tenancy_scope AS s
    UNION
    SELECT c.oid FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = 'archive'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p')
      AND (c.relname IN ('archival', 'detached_link', 'audit_entry', 'audit_details')
           OR EXISTS (SELECT FROM pg_catalog.pg_inherits AS i
                      WHERE i.inhrelid = c.oid AND i.inhparent = pg_catalog.to_regclass('archive.audit_entry')))
)
SELECT w.relation, 'policy' AS kind, p.polname AS name, p.polpermissive AS permissive,
       pg_catalog.concat_ws(' ', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, p.polcmd,
           (SELECT pg_catalog.string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::pg_catalog.regrole::text END, ',' ORDER BY r)
            FROM pg_catalog.unnest(p.polroles) AS r),
           'USING', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
           'CHECK', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)) AS definition
FROM watched AS w JOIN pg_catalog.pg_policy AS p ON p.polrelid = w.relation
UNION ALL
SELECT w.relation, 'trigger', t.tgname, true,
       pg_catalog.concat_ws(' ', t.tgenabled, t.tgtype,
           pg_catalog.regexp_replace(pg_catalog.pg_get_triggerdef(t.oid), '^.*? FOR EACH ', ''))
FROM watched AS w
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = w.relation AND t.tgname IN ('tenancy_guard', 'tenancy_guard_truncate');

-- As which role the session acts, whatever function it is in: who logged in, or what SET ROLE took. SET ROLE asks
-- whether the login is a member, so this is no setting that a client could forge.
CREATE OR REPLACE FUNCTION archive.acting_role() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE pg_catalog.current_setting('role') WHEN 'none' THEN SESSION_USER
            ELSE pg_catalog.current_setting('role')::name END;

-- Refuses what PostgreSQL would do to another tenant's row without asking its policies: what a foreign key does
-- to the rows below it, and TRUNCATE. Those who are above policies pass, and the administrator.
CREATE OR REPLACE FUNCTION archive.tenancy_guard() RETURNS trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting name := archive.acting_role();
BEGIN
    IF acting = nullif(TG_ARGV[0], '')
       OR EXISTS (SELECT FROM pg_roles WHERE rolname = acting AND (rolsuper OR rolbypassrls)) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'AR010', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('%I.%I has rows of another tenant that this %s would change or remove',
                         TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)),
        HINT = 'Those rows belong to somebody else''s data: an administrator has to move or delete them first.';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.tenancy_guard() FROM PUBLIC;

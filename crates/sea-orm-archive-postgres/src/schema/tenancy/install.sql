-- The registers of tenancy, the tables that come under tenancy with a registered table, and the functions that policies and
-- guards call. Every statement may run again.

CREATE TABLE IF NOT EXISTS archive.tenancy (
    relation      regclass PRIMARY KEY,
    tenant        smallint NOT NULL, -- the tenant column by number: found after a rename
    tenant_name   name     NOT NULL, -- and by name: a dump and a restore number the columns again
    administrator name               -- the role that sees the rows of every tenant
);

-- The objects that enable_tenancy() created, with their definitions as PostgreSQL writes them: the check compares with them,
-- and disable_tenancy() drops them.
CREATE TABLE IF NOT EXISTS archive.tenancy_object (
    relation   regclass NOT NULL,
    kind       text     NOT NULL, -- policy, trigger, function; constraint, column, default of a history
    name       name     NOT NULL,
    definition text     NOT NULL,
    PRIMARY KEY (relation, kind, name)
);

-- Every table that holds rows of a table under tenancy, with its tenant column.
--
-- The tenant column of a history has the same name as that of its table. Where the tenant column is part of the primary key of
-- the table, it is the column of the history that refers to it. A history may have a history; UNION ends a cycle.
--
-- The registers are read as arrays, for which PostgreSQL expects few rows. For a recursion over tables without statistics it
-- expects so many rows that it compiles each query first.
CREATE OR REPLACE VIEW archive.tenancy_scope AS
WITH RECURSIVE whole AS (
    SELECT t.relation::oid AS relation, t.relation::oid AS origin, 'table' AS what, o.attname AS wanted_column,
           o.atttypid AS wanted_type, NULL::oid AS identity, NULL::name AS identity_column
    FROM pg_catalog.unnest(ARRAY(SELECT t FROM archive.tenancy AS t)) AS t
    LEFT JOIN LATERAL (
        SELECT o.attname, o.atttypid FROM pg_catalog.pg_attribute AS o
        WHERE o.attrelid = t.relation AND NOT o.attisdropped AND (o.attname = t.tenant_name OR o.attnum = t.tenant)
        ORDER BY o.attname <> t.tenant_name LIMIT 1
    ) AS o ON true
    UNION
    SELECT h.history::oid, w.origin, 'history', coalesce((
               SELECT h.identity_columns[k.place] FROM pg_catalog.pg_constraint AS p
               CROSS JOIN LATERAL pg_catalog.unnest(p.conkey) WITH ORDINALITY AS k (number, place)
               JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.conrelid AND a.attnum = k.number
               WHERE p.conrelid = w.relation AND p.contype = 'p' AND a.attname = w.wanted_column), w.wanted_column),
           w.wanted_type, w.relation, w.wanted_column
    FROM whole AS w
    JOIN pg_catalog.unnest(ARRAY(SELECT h FROM archive.history_table AS h)) AS h ON h.identity = w.relation AND h.history <> w.origin
),
paired AS (
    SELECT w.relation, w.origin, w.what, w.wanted_column, w.wanted_type, w.identity, w.identity_column FROM whole AS w
    UNION ALL
    SELECT r.archive_table::oid, w.origin, 'archive_table', w.wanted_column, w.wanted_type, NULL, NULL
    FROM whole AS w JOIN archive.archived_table AS r ON r.active = w.relation
),
member AS (
    SELECT p.relation, p.origin, p.what, p.wanted_column, p.wanted_type, p.identity, p.identity_column FROM paired AS p
    UNION ALL
    SELECT i.inhrelid, m.origin, 'partition', m.wanted_column, m.wanted_type, NULL, NULL
    FROM member AS m
    JOIN pg_catalog.pg_class AS c ON c.oid = m.relation AND c.relkind = 'p'
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = m.relation
)
SELECT m.relation, m.origin, m.what,
       m.wanted_column,             -- the name in the table, or of the referring column in a history; NULL where it was dropped
       a.attname AS tenant_column,  -- NULL where this table lacks it, or has it with another type or without NOT NULL
       m.identity, m.identity_column -- of a history: the table whose key its versions refer to, and the column there
FROM member AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m.relation
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = m.relation AND a.attname = m.wanted_column AND a.atttypid = m.wanted_type AND a.attnotnull AND NOT a.attisdropped;

-- The existing objects of the kinds that enable_tenancy() creates, on the tables of the scope and on the shared tables.
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
JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = w.relation
WHERE t.tgname IN ('tenancy_guard', 'tenancy_guard_given', 'tenancy_guard_archived', 'tenancy_guard_truncate')
UNION ALL
SELECT o.relation, 'constraint', c.conname, true, pg_catalog.pg_get_constraintdef(c.oid)
FROM archive.tenancy_object AS o
JOIN pg_catalog.pg_constraint AS c ON c.conrelid = o.relation AND c.conname = o.name
WHERE o.kind = 'constraint'
UNION ALL
-- The functions that the policies and guards call, with their owners.
SELECT 'archive.tenancy'::pg_catalog.regclass, 'function', f.proname, true,
       pg_catalog.md5(pg_catalog.concat_ws(' ', pg_catalog.pg_get_functiondef(f.oid), f.proowner::pg_catalog.regrole))
FROM pg_catalog.pg_proc AS f
WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace
  AND f.proname IN ('current_tenant', 'acting_role', 'acts_for_all', 'tenancy_guard', 'tenancy_guard_archived');

-- The role that the session acts as, even inside a function of another owner: the login role, or the role of SET ROLE. SET ROLE
-- checks the membership of the login role, so a client cannot forge this setting.
CREATE OR REPLACE FUNCTION archive.acting_role() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE pg_catalog.current_setting('role') WHEN 'none' THEN SESSION_USER
            ELSE pg_catalog.current_setting('role')::name END;

-- Whether the session acts for every tenant: as the administrator, or as a role that bypasses policies.
CREATE OR REPLACE FUNCTION archive.acts_for_all(administrator name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(archive.acting_role() OPERATOR(pg_catalog.=) administrator, false)
       OR EXISTS (SELECT FROM pg_catalog.pg_roles AS r
                  WHERE r.rolname OPERATOR(pg_catalog.=) archive.acting_role() AND (r.rolsuper OR r.rolbypassrls));

-- Whether the acting role may read these columns of every row of a table, as PostgreSQL's own foreign keys check before an error
-- shows a row. It also works in functions that run as their owner.
CREATE OR REPLACE FUNCTION archive.may_read(relation oid, columns name[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
           AND (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
                OR (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attname OPERATOR(pg_catalog.=) ANY (columns)))
           -- Policies apply to every role, except to superusers and BYPASSRLS, and to the owner where they are not forced.
           AND (NOT c.relrowsecurity OR r.rolsuper OR r.rolbypassrls
                OR NOT c.relforcerowsecurity AND pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_roles AS r ON r.rolname OPERATOR(pg_catalog.=) archive.acting_role()
    WHERE c.oid OPERATOR(pg_catalog.=) may_read.relation
);

-- Refuses changes of another tenant's rows that PostgreSQL makes without checking policies: the actions of a foreign key on the
-- rows that refer to it, and TRUNCATE. The administrator and roles that bypass policies may make them.
--
-- The trigger BEFORE checks the old tenant: a constraint that the change violates would otherwise show the row in its error.
-- The trigger AFTER checks the new tenant.
CREATE OR REPLACE FUNCTION archive.tenancy_guard() RETURNS trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF archive.acts_for_all(nullif(TG_ARGV[0], '')) THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    IF TG_WHEN = 'AFTER' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'AR010', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            MESSAGE = format('a row of %I.%I would be given to another tenant, or to none', TG_TABLE_SCHEMA, TG_TABLE_NAME),
            HINT = 'Only an administrator gives rows to another tenant; let no foreign key set the tenant''s column.';
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'AR010', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('%I.%I has rows of another tenant that this %s would change or remove',
                         TG_TABLE_SCHEMA, TG_TABLE_NAME, lower(TG_OP)),
        HINT = 'Those rows belong to the data of another tenant: an administrator has to move or delete them first.';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.tenancy_guard() FROM PUBLIC;

-- Refuses to change the tenant of an archived row, for every role: the restore of its tree would no longer see the row and would
-- leave it in the archive table.
CREATE OR REPLACE FUNCTION archive.tenancy_guard_archived() RETURNS trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'AR010', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('an archived row of %I.%I would be given to another tenant, and its tree could not be restored whole',
                         TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Restore the archival first, and give its rows away then.';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.tenancy_guard_archived() FROM PUBLIC;

-- Which tables are under tenancy, what follows from that for other tables, and the functions that policies and
-- guards call. Every statement may run again.

CREATE TABLE IF NOT EXISTS archive.tenancy (
    relation      regclass PRIMARY KEY,
    tenant        smallint NOT NULL, -- the column that says whose row it is, by number: found when it is renamed
    tenant_name   name     NOT NULL, -- and by name: a dump and a restore number columns anew
    administrator name               -- the role that sees every tenant's rows
);

-- What enable_tenancy() made, as PostgreSQL writes it: what the check compares with, and what disable_tenancy() drops.
CREATE TABLE IF NOT EXISTS archive.tenancy_object (
    relation   regclass NOT NULL,
    kind       text     NOT NULL, -- policy, trigger, function; constraint, column, default of a history
    name       name     NOT NULL,
    definition text     NOT NULL,
    PRIMARY KEY (relation, kind, name)
);

-- Every table that holds rows of a table under tenancy, and in which column each of its rows says whose it is.
--
-- A history says it in the column of the same name, but where the table says it in its primary key: then the history
-- has a column that refers to that, whatever it is called. A history may have a history, and UNION lets a circle end.
--
-- The registers are read as arrays, of which PostgreSQL expects few rows. Of a recursion over tables that it has not
-- looked at it expects so many that it compiles each query first.
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
       m.wanted_column,             -- as the table calls it, or the history what refers to it; NULL where it was dropped
       a.attname AS tenant_column,  -- NULL where this one has it not, of another type, or with NULLs
       m.identity, m.identity_column -- of a history: the table whose key its versions refer to, and the column there
FROM member AS m
JOIN pg_catalog.pg_class AS c ON c.oid = m.relation
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = m.relation AND a.attname = m.wanted_column AND a.atttypid = m.wanted_type AND a.attnotnull AND NOT a.attisdropped;

-- What is there now of what enable_tenancy() makes, on the tables of the scope and on those that all of them share.
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
WHERE t.tgname IN ('tenancy_guard', 'tenancy_guard_given', 'tenancy_guard_kept', 'tenancy_guard_truncate')
UNION ALL
SELECT o.relation, 'constraint', c.conname, true, pg_catalog.pg_get_constraintdef(c.oid)
FROM archive.tenancy_object AS o
JOIN pg_catalog.pg_constraint AS c ON c.conrelid = o.relation AND c.conname = o.name
WHERE o.kind = 'constraint'
UNION ALL
-- What the policies and guards call, and who it runs as.
SELECT 'archive.tenancy'::pg_catalog.regclass, 'function', f.proname, true,
       pg_catalog.md5(pg_catalog.concat_ws(' ', pg_catalog.pg_get_functiondef(f.oid), f.proowner::pg_catalog.regrole))
FROM pg_catalog.pg_proc AS f
WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace
  AND f.proname IN ('current_tenant', 'acting_role', 'acts_for_all', 'tenancy_guard', 'tenancy_keep');

-- As which role the session acts, whatever function it is in: who logged in, or what SET ROLE took. SET ROLE asks
-- whether the login is a member, so this is no setting that a client could forge.
CREATE OR REPLACE FUNCTION archive.acting_role() RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE pg_catalog.current_setting('role') WHEN 'none' THEN SESSION_USER
            ELSE pg_catalog.current_setting('role')::name END;

-- Whether the session acts for every tenant: as the administrator, or as a role that is above policies anyway.
CREATE OR REPLACE FUNCTION archive.acts_for_all(administrator name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(archive.acting_role() OPERATOR(pg_catalog.=) administrator, false)
       OR EXISTS (SELECT FROM pg_catalog.pg_roles AS r
                  WHERE r.rolname OPERATOR(pg_catalog.=) archive.acting_role() AND (r.rolsuper OR r.rolbypassrls));

-- Whether the role that acts may read these columns of every row of a table, as PostgreSQL's own foreign keys ask before
-- an error shows a row. It says so in functions that run as their owner, too.
CREATE OR REPLACE FUNCTION archive.may_read(relation oid, columns name[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT pg_catalog.has_schema_privilege(r.oid, c.relnamespace, 'USAGE')
           AND (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT')
                OR (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT'))
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attname OPERATOR(pg_catalog.=) ANY (columns)))
           -- Policies bind all but those above them, and the owner where they are not forced.
           AND (NOT c.relrowsecurity OR r.rolsuper OR r.rolbypassrls
                OR NOT c.relforcerowsecurity AND pg_catalog.pg_has_role(r.oid, c.relowner, 'USAGE'))
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_roles AS r ON r.rolname OPERATOR(pg_catalog.=) archive.acting_role()
    WHERE c.oid OPERATOR(pg_catalog.=) may_read.relation
);

-- Refuses what PostgreSQL would do to another tenant's row without asking its policies: what a foreign key does
-- to the rows below it, and TRUNCATE. Those who are above policies pass, and the administrator.
--
-- Before a row is changed, and not after: a constraint that the change violates would show the row in its error.
-- After it is changed, the same of whom it is given to.
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
        HINT = 'Those rows belong to somebody else''s data: an administrator has to move or delete them first.';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.tenancy_guard() FROM PUBLIC;

-- Keeps an archived row with the tenant that archived it, against everybody: the restore of its tree would not see it
-- any more, and leave it behind.
CREATE OR REPLACE FUNCTION archive.tenancy_keep() RETURNS trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'AR010', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('an archived row of %I.%I would be given to another tenant, and its tree could not be restored whole',
                         TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Restore the archival first, and give its rows away then.';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.tenancy_keep() FROM PUBLIC;

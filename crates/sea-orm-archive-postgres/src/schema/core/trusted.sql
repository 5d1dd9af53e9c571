-- Checks that functions that run as their owner run no code of other roles. Every statement may run again.

-- Whether code of this role may run with the rights of current_user: true for current_user itself and for superusers. Called
-- in functions that run as their owner.
CREATE OR REPLACE FUNCTION archive.is_trusted(role oid) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_catalog.pg_roles AS r
                   WHERE r.oid OPERATOR(pg_catalog.=) role AND (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) current_user));
END
$$;

-- Raises if a query of the table or its partitions could run code of another role. Every function that runs as its owner calls
-- this before its first query of a table that another role may own. It reads the catalog alone. The owner of a table decides
-- what a query of it runs, already during planning: expressions of indexes, partition keys, statistics and CHECK constraints,
-- casts of the types of its columns, functions of its policies, and on PostgreSQL 15 a rule that turns it into a view. A
-- trusted owner may have used a function of another role in these.
--
-- Like all require functions, it returns true or raises.
--
-- Race: only a trusted owner can change any of this between this check and the query.
CREATE OR REPLACE FUNCTION archive.require_trusted(relation regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    part   pg_catalog.record;
    called pg_catalog.record;
BEGIN
    FOR part IN
        WITH RECURSIVE part AS (
            SELECT relation::pg_catalog.oid AS oid
            UNION
            SELECT i.inhrelid FROM part AS p JOIN pg_catalog.pg_inherits AS i ON i.inhparent OPERATOR(pg_catalog.=) p.oid
        )
        SELECT p.oid::pg_catalog.regclass AS name, c.relkind, c.relowner, archive.is_trusted(c.relowner) AS is_trusted
        FROM part AS p LEFT JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) p.oid
    LOOP
        IF part.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p']::pg_catalog."char"[]) IS NOT TRUE THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = pg_catalog.format(
                '%s is no longer a table, and a query of it could run code of another role as %I: drop it, and create the table again',
                part.name, current_user);
        ELSIF NOT part.is_trusted THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = pg_catalog.format(
                '%1$s belongs to the role %2$I, and a query of it could run code of that role as %3$I: ALTER TABLE %1$s OWNER TO %3$I',
                part.name, pg_catalog.pg_get_userbyid(part.relowner), current_user);
        END IF;
        SELECT pg_catalog.pg_describe_object(d.classid, d.objid, 0) AS place, f.oid::pg_catalog.regprocedure AS function, f.proowner
        INTO called
        FROM (SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, i.indexrelid AS objid
              FROM pg_catalog.pg_index AS i
              WHERE i.indrelid OPERATOR(pg_catalog.=) part.name AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
              UNION ALL
              SELECT k.tableoid, k.oid FROM pg_catalog.pg_constraint AS k
              WHERE k.conrelid OPERATOR(pg_catalog.=) part.name AND k.contype OPERATOR(pg_catalog.=) 'c'
              UNION ALL
              SELECT s.tableoid, s.oid FROM pg_catalog.pg_statistic_ext AS s WHERE s.stxrelid OPERATOR(pg_catalog.=) part.name
              UNION ALL
              SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, k.partrelid FROM pg_catalog.pg_partitioned_table AS k
              WHERE k.partrelid OPERATOR(pg_catalog.=) part.name AND k.partexprs IS NOT NULL
              UNION ALL
              SELECT y.tableoid, y.oid FROM pg_catalog.pg_policy AS y WHERE y.polrelid OPERATOR(pg_catalog.=) part.name) AS e
        JOIN pg_catalog.pg_depend AS d ON d.classid OPERATOR(pg_catalog.=) e.classid AND d.objid OPERATOR(pg_catalog.=) e.objid
        LEFT JOIN pg_catalog.pg_operator AS o ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
                                             AND o.oid OPERATOR(pg_catalog.=) d.refobjid
        JOIN pg_catalog.pg_proc AS f
            ON f.oid OPERATOR(pg_catalog.=) CASE WHEN d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
                                                 THEN d.refobjid ELSE o.oprcode::pg_catalog.oid END
        WHERE f.pronamespace OPERATOR(pg_catalog.<>) 'archive'::pg_catalog.regnamespace AND NOT archive.is_trusted(f.proowner)
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = pg_catalog.format(
                '%s calls %s of the role %I, which a query of %s could run as %I: drop it, or ALTER FUNCTION %2$s OWNER TO %5$I',
                called.place, called.function, pg_catalog.pg_get_userbyid(called.proowner), part.name, current_user);
        END IF;
    END LOOP;
    RETURN true;
END
$$;

-- The same for triggers that fire for every write. It is declared IMMUTABLE on purpose: see archive.unchanged(). With the name
-- of a table as its argument it is evaluated again after every change of that table. Until the session plans again, it does
-- not detect that a partition got another owner or that a role is no longer a superuser.
CREATE OR REPLACE FUNCTION archive.stays_trusted(relation regclass) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN archive.require_trusted(relation);
END
$$;

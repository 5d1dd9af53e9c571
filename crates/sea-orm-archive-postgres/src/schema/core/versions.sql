-- Retention of versions: which versions of histories have expired, which of them other rows still refer to, and the function that deletes
-- the others. The rules are in archive.retention, with the history as their root. Every statement may run again.

-- The condition that two rows have the same identity, as SQL. The columns are in the order of the primary key of the identity table,
-- and are compared with the operators of that key. 'false' where the table has no key of so many columns.
CREATE OR REPLACE FUNCTION archive.is_same_identity(identity oid, first text, names name[], second text, other_names name[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(string_agg(format('%s.%I OPERATOR(%I.%s) %s.%I', first, k.name, s.nspname, o.oprname, second, k.other), ' AND ' ORDER BY k.ord), 'false')
        FROM pg_index AS i
        CROSS JOIN unnest(i.indclass::oid[], names, other_names) WITH ORDINALITY AS k (class, name, other, ord)
        JOIN pg_opclass AS c ON c.oid = k.class
        JOIN pg_amop AS a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 3 AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype
        JOIN pg_operator AS o ON o.oid = a.amopopr JOIN pg_namespace AS s ON s.oid = o.oprnamespace
        WHERE i.indrelid = identity AND i.indisprimary AND cardinality(names) = i.indnkeyatts AND cardinality(other_names) = i.indnkeyatts
    );
END
$$;

-- The histories with a rule that lets versions expire, with the rules that hold for the tenants that the session acts for, and whether
-- the acting role may purge versions of it. `expired` is the query of the versions that have expired: $1 to $3 are the rules, $4 the
-- rows to search, or NULL for all. `locks` is the query that locks the versions $1 and their identities. Present names of renamed
-- columns are used. While a hold on the identity table, or on a row of it, is in force, its versions stay.
--
-- A version has expired when its period, or the time for which it was the recorded one, ended at least as long ago as the rule says. The
-- last version of an identity that is not corrected never expires: what the identity was last can still be read.
CREATE OR REPLACE FUNCTION archive.retained_histories()
RETURNS TABLE (history oid, name text, versions text, allowed boolean, tenants text[], days integer[], policies text[], expired text, locks text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH rule AS (
        SELECT r.root::oid AS root, min(r.days) AS shortest, array_agg(r.tenant ORDER BY r.id) AS tenants, array_agg(r.days ORDER BY r.id) AS days,
               array_agg(r.name ORDER BY r.id) AS policies
        FROM archive.retention AS r WHERE r.subject = 'versions' AND archive.acts_for(r.tenant) GROUP BY r.root
    )
    SELECT c.oid, concat(s.nspname, '.', c.relname), t.versions,
           has_schema_privilege(archive.acting_role(), s.oid, 'USAGE') AND has_schema_privilege(archive.acting_role(), ins.oid, 'USAGE')
               AND has_table_privilege(archive.acting_role(), c.oid, 'SELECT') AND has_table_privilege(archive.acting_role(), c.oid, 'DELETE')
               AND has_any_column_privilege(archive.acting_role(), c.oid, 'UPDATE') AND has_table_privilege(archive.acting_role(), i.oid, 'SELECT')
               AND has_any_column_privilege(archive.acting_role(), i.oid, 'UPDATE')
               AND NOT EXISTS (SELECT FROM archive.hold_in_force AS f WHERE f.relation::oid IN (c.oid, i.oid)
                                   OR f.of_person AND archive.has_personal_data(c.oid, f.relation)),
           rule.tenants, rule.days, rule.policies,
           format(
               'SELECT h.ctid AS version, r.policy, e.ended FROM ONLY %1$s AS h CROSS JOIN LATERAL (SELECT %2$s AS ended) AS e '
               'CROSS JOIN LATERAL (SELECT g.days, g.policy FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) AS g(tenant, days, policy) '
               'WHERE g.tenant IS NULL OR g.tenant OPERATOR(pg_catalog.=) %3$s ORDER BY g.tenant IS NULL LIMIT 1) AS r '
               'WHERE ($4 IS NULL OR h.ctid OPERATOR(pg_catalog.=) ANY ($4)) '
               'AND e.ended OPERATOR(pg_catalog.<=) (pg_catalog.now() OPERATOR(pg_catalog.-) interval ''%4$s hours'') '
               'AND e.ended OPERATOR(pg_catalog.<=) (pg_catalog.now() OPERATOR(pg_catalog.-) (r.days OPERATOR(pg_catalog.*) interval ''24 hours'')) '
               'AND (%5$s OR EXISTS (SELECT FROM ONLY %1$s AS n WHERE %6$s AND n.%7$I OPERATOR(pg_catalog.>) h.%7$I%8$s))',
               t.versions,
               CASE WHEN t.recorded_to IS NULL THEN format('h.%I::pg_catalog.timestamptz', t.valid_to)
                    ELSE format('LEAST(h.%I::pg_catalog.timestamptz, h.%I)', t.valid_to, t.recorded_to) END,
               coalesce((SELECT archive.tenant_text('h', a.attname, a.atttypid) FROM archive.tenancy_scope AS o
                         JOIN pg_attribute AS a ON a.attrelid = o.relation AND a.attname = o.tenant_column AND NOT a.attisdropped
                         WHERE o.relation = c.oid LIMIT 1), 'NULL::pg_catalog.text'),
               rule.shortest * 24,
               CASE WHEN t.recorded_to IS NULL THEN 'false' ELSE format('h.%I IS NOT NULL', t.recorded_to) END,
               archive.is_same_identity(i.oid, 'n', t.identity_columns, 'h', t.identity_columns), t.valid_from,
               CASE WHEN t.recorded_to IS NULL THEN '' ELSE format(' AND n.%I IS NULL', t.recorded_to) END),
           format(
               'SELECT ARRAY(SELECT h.ctid FROM ONLY %1$s AS h JOIN %2$I.%3$I AS i ON %4$s WHERE h.ctid OPERATOR(pg_catalog.=) ANY ($1) '
               'FOR UPDATE OF h SKIP LOCKED FOR NO KEY UPDATE OF i SKIP LOCKED)',
               t.versions, ins.nspname, i.relname, archive.is_same_identity(i.oid, 'i', k.names, 'h', t.identity_columns))
    FROM rule JOIN archive.history_table AS h ON h.history = rule.root
    JOIN pg_class AS c ON c.oid = h.history JOIN pg_namespace AS s ON s.oid = c.relnamespace
    JOIN pg_class AS i ON i.oid = h.identity JOIN pg_namespace AS ins ON ins.oid = i.relnamespace
    CROSS JOIN LATERAL (SELECT archive.names_now(c.oid, archive.history_columns(h), h.numbers, h.place) AS names, cardinality(h.identity_columns) AS count) AS n
    CROSS JOIN LATERAL (
        SELECT format('%I.%I', s.nspname, c.relname) AS versions, n.names[:n.count] AS identity_columns, n.names[n.count + 1] AS valid_from,
               n.names[n.count + 2] AS valid_to, n.names[n.count + 4] AS recorded_to
    ) AS t
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attname ORDER BY k.ord) AS names FROM pg_index AS x CROSS JOIN unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, ord)
        JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = k.number WHERE x.indrelid = i.oid AND x.indisprimary AND k.ord <= x.indnkeyatts
    ) AS k
    WHERE rule.shortest IS NOT NULL
$$;

-- The tables whose rows refer to versions of a history, by a temporal foreign key or by a foreign key to its rows, each with the
-- condition that the row "c" refers to the version "h". An archived row refers to the version that its restore needs. Archive tables
-- come last: a row that is archived meanwhile is found in its table or in its archive table.
CREATE OR REPLACE FUNCTION archive.references_to_versions(history oid) RETURNS TABLE (child regclass, condition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH referring AS (
        SELECT k.child, t.names, concat_ws(' AND ', archive.is_same_identity(h.identity, 'h', n.names[:n.count], 'c', t.names[:n.count]),
                   CASE WHEN h.recorded_to IS NOT NULL THEN format('h.%I IS NULL', n.names[n.count + 4]) END,
                   CASE cardinality(k.time_columns)
                       WHEN 1 THEN format('c.%1$I >= h.%2$I AND (h.%3$I IS NULL OR c.%1$I < h.%3$I)', t.names[n.count + 1], n.names[n.count + 1], n.names[n.count + 2])
                       ELSE format('c.%1$I IS NOT NULL AND (h.%4$I IS NULL OR c.%1$I < h.%4$I) AND (c.%2$I IS NULL OR c.%2$I > h.%3$I)',
                                   t.names[n.count + 1], t.names[n.count + 2], n.names[n.count + 1], n.names[n.count + 2]) END) AS condition
        FROM archive.temporal_foreign_key AS k JOIN pg_class AS c ON c.oid = k.child
        JOIN archive.history_table AS h ON h.history = k.history
        CROSS JOIN LATERAL (SELECT archive.names_now(h.history, archive.history_columns(h), h.numbers, h.place) AS names, cardinality(h.identity_columns) AS count) AS n
        CROSS JOIN LATERAL (SELECT archive.names_now(k.child, k.columns || k.time_columns, k.numbers, k.place) AS names) AS t
        WHERE k.history = references_to_versions.history
        UNION ALL
        SELECT f.conrelid, array_agg(r.attname), string_agg(format('h.%I OPERATOR(%I.%s) c.%I', p.attname, s.nspname, o.oprname, r.attname), ' AND ' ORDER BY k.ord)
        FROM pg_constraint AS f CROSS JOIN unnest(f.conkey, f.confkey, f.conpfeqop) WITH ORDINALITY AS k (child, parent, op, ord)
        JOIN pg_attribute AS p ON p.attrelid = f.confrelid AND p.attnum = k.parent JOIN pg_attribute AS r ON r.attrelid = f.conrelid AND r.attnum = k.child
        JOIN pg_operator AS o ON o.oid = k.op JOIN pg_namespace AS s ON s.oid = o.oprnamespace
        WHERE f.contype = 'f' AND f.confrelid = references_to_versions.history AND f.conparentid = 0
        GROUP BY f.oid, f.conrelid
    )
    -- Where a table lacks one of the columns, all of its rows may refer to a version.
    SELECT p.relation, CASE WHEN (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attname = ANY (r.names) AND NOT a.attisdropped)
                                 = cardinality(r.names) THEN r.condition ELSE 'true' END
    FROM referring AS r
    CROSS JOIN LATERAL (
        SELECT r.child, false
        UNION ALL
        SELECT t.archive_table, true FROM archive.archived_table AS t
        WHERE t.active::oid IN (r.child::oid, pg_partition_root(r.child)::oid) OR archive.successor(t.active) = r.child::oid) AS p (relation, is_archive)
    ORDER BY p.is_archive
$$;

-- Those of the versions to which no row refers, in the same order. It runs as its owner, since a role that purges versions need not read
-- the tables that refer to them. Where policies may hide rows of such a table from the owner, no version counts as unused. Under
-- tenancy the owner sees the rows of the tenant, and the versions of the tenant.
CREATE OR REPLACE FUNCTION archive.unused_versions(history oid, versions tid[]) RETURNS tid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = on AS $$
DECLARE
    referring record;
    unused    tid[] := versions;
BEGIN
    IF archive.require_session() AND NOT EXISTS (SELECT FROM archive.retained_histories() AS r WHERE r.history = unused_versions.history AND r.allowed) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('the role %I may not purge versions of %s', archive.acting_role(), history::regclass);
    END IF;
    FOR referring IN SELECT * FROM archive.references_to_versions(history) LOOP
        IF archive.require_trusted(history) AND archive.require_trusted(referring.child) AND row_security_active(referring.child)
           AND NOT archive.sees_every_row(referring.child)
           AND (NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = history)
                OR NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = referring.child)
                OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = referring.child
                           AND p.polname NOT IN ('tenancy', 'tenancy_administration', 'tenancy_trusted'))) THEN
            RETURN '{}';
        END IF;
        EXECUTE format(
            'SELECT ARRAY(SELECT u.version FROM unnest($1) WITH ORDINALITY AS u(version, ord) JOIN ONLY %s AS h ON h.ctid = u.version '
            'WHERE NOT EXISTS (SELECT FROM %s AS c WHERE %s) ORDER BY u.ord)', history::regclass, referring.child, referring.condition)
        INTO unused USING unused;
    END LOOP;
    RETURN unused;
END
$$;

-- Deletes the oldest versions that the rules let expire, `most` of them, in the transaction of the caller and with its rights. Returns how
-- many. Triggers run on the search_path of the caller, so everything here is qualified.
--
-- Races: a version is deleted after it and its identity were locked, as by every change of a history, and after a query with a new
-- snapshot has decided again that it has expired and that no row refers to it. A row that refers to it by a temporal foreign key locks
-- the identity, and one that refers to it by a foreign key locks the version: where it came first, the version is left out; where it
-- comes second, it waits, and violates its foreign key. What another transaction has locked is left for the next call.
CREATE OR REPLACE FUNCTION archive.purge_expired_versions(most integer, by text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    context pg_catalog.text := archive.current_actor();
    setting pg_catalog.text;
    held    pg_catalog.record;
    found   pg_catalog.tid[];
    deleted pg_catalog.int8;
    purged  pg_catalog.int8 := 0;
BEGIN
    IF most >= 1 IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a batch has at least one version';
    ELSIF archive.lock_retention() AND archive.lock_holds() AND by IS NOT NULL THEN
        -- Triggers record the actor of the purge.
        setting := archive.set_actor(by);
    END IF;
    FOR held IN SELECT r.* FROM archive.retained_histories() AS r WHERE r.allowed ORDER BY r.history LOOP
        FOR found IN EXECUTE pg_catalog.format(
            'SELECT pg_catalog.array_agg(o.version ORDER BY o.ord) FROM (SELECT x.version, pg_catalog.row_number() OVER (ORDER BY x.ended, x.version) '
            'OPERATOR(pg_catalog.-) 1 AS ord FROM (%s) AS x) AS o GROUP BY o.ord OPERATOR(pg_catalog./) $5 ORDER BY o.ord OPERATOR(pg_catalog./) $5', held.expired)
            USING held.tenants, held.days, held.policies, NULL::pg_catalog.tid[], most
        LOOP
            found := (archive.unused_versions(held.history, found))[:most OPERATOR(pg_catalog.-) purged];
            EXECUTE held.locks INTO found USING found;
            found := archive.unused_versions(held.history, found);
            -- Race: a table or a column was renamed before it was locked. It stays locked, so its name is final.
            IF NOT EXISTS (SELECT FROM archive.retained_histories() AS r
                           WHERE r.history OPERATOR(pg_catalog.=) held.history AND r.expired OPERATOR(pg_catalog.=) held.expired
                             AND r.locks OPERATOR(pg_catalog.=) held.locks) THEN
                PERFORM archive.stop('AR001', pg_catalog.concat(held.name, ' was renamed or replaced while versions of it were purged: try again'));
            END IF;
            EXECUTE pg_catalog.format('DELETE FROM ONLY %s AS d WHERE d.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT x.version FROM (%s) AS x))',
                                      held.versions, held.expired)
            USING held.tenants, held.days, held.policies, found;
            GET DIAGNOSTICS deleted = ROW_COUNT;
            purged := purged OPERATOR(pg_catalog.+) deleted;
            EXIT WHEN purged OPERATOR(pg_catalog.>=) most;
        END LOOP;
        EXIT WHEN purged OPERATOR(pg_catalog.>=) most;
    END LOOP;
    IF by IS NOT NULL THEN
        setting := archive.set_actor(context);
    END IF;
    RETURN purged;
END
$$;

-- The versions that archive.purge_expired_versions() would delete now: for each rule and history how many, and when the oldest ended.
CREATE OR REPLACE FUNCTION archive.preview_expired_versions() RETURNS TABLE (policy text, table_name text, expired bigint, oldest timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    held pg_catalog.record;
BEGIN
    FOR held IN SELECT r.* FROM archive.retained_histories() AS r WHERE r.allowed ORDER BY r.name LOOP
        RETURN QUERY EXECUTE pg_catalog.format(
            'SELECT x.policy, $5, pg_catalog.count(*), pg_catalog.min(x.ended) FROM (%1$s) AS x '
            'JOIN pg_catalog.unnest(archive.unused_versions($6, ARRAY(SELECT y.version FROM (%1$s) AS y))) AS u(version) '
            'ON u.version OPERATOR(pg_catalog.=) x.version GROUP BY x.policy ORDER BY x.policy', held.expired)
        USING held.tenants, held.days, held.policies, NULL::pg_catalog.tid[], held.name, held.history;
    END LOOP;
END
$$;

-- What archive.purge_expired() would purge now: for each rule and table of roots how many archivals, and when the oldest was archived;
-- for the archival table, the log and each history how many records, entries and versions.
CREATE OR REPLACE FUNCTION archive.preview_expired() RETURNS TABLE (policy text, table_name text, expired bigint, oldest timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY SELECT e.* FROM archive.preview_expired_archivals() AS e;
    RETURN QUERY SELECT e.* FROM archive.preview_expired_versions() AS e;
END
$$;

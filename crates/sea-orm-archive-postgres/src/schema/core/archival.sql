-- The functions that write archival records. A role that archives and restores may read the records of a table whose
-- archive table it may read. It writes no record itself, but calls these functions, which check its rights. They run as
-- the owner of the archive. Every statement may run again.

-- The key that signs the ids that archive.draw_archivals() returns. No other role reads it.
CREATE TABLE IF NOT EXISTS archive.signing_key (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    key    bytea   NOT NULL
);
INSERT INTO archive.signing_key (key)
VALUES (pg_catalog.sha256(pg_catalog.convert_to(
    pg_catalog.concat(pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid(), pg_catalog.gen_random_uuid()), 'UTF8')))
ON CONFLICT DO NOTHING;

-- An archival record contains keys, reasons and actors, so only roles that may read the archive table of its root may
-- read it. Tenancy adds its own policies. Without tenancy the permissive policy allows every other record.
ALTER TABLE archive.archival ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS readers ON archive.archival;
CREATE POLICY readers ON archive.archival AS RESTRICTIVE FOR SELECT
    USING (current_user OPERATOR(pg_catalog.=) {owner} OR EXISTS (
        SELECT FROM archive.archived_table AS r
        WHERE r.active OPERATOR(pg_catalog.=) archival.tables[1]::oid
          AND (pg_catalog.has_table_privilege(r.archive_table, 'SELECT') OR EXISTS (
              SELECT FROM pg_catalog.pg_attribute AS a
              WHERE a.attrelid OPERATOR(pg_catalog.=) r.archive_table::oid AND a.attname OPERATOR(pg_catalog.=) r.archival_id_column
                AND pg_catalog.has_column_privilege(r.archive_table, a.attnum, 'SELECT')))));
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_policy
                   WHERE polrelid = 'archive.archival'::pg_catalog.regclass AND polname IN ('every_record', 'tenancy')) THEN
        CREATE POLICY every_record ON archive.archival FOR SELECT USING (true);
    END IF;
END
$$;

-- The exact text of a value, independent of the session's settings: the output function of its type, not a cast.
CREATE OR REPLACE FUNCTION archive.exact_text(value anyelement) RETURNS text
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
SET extra_float_digits = '1' SET bytea_output = 'hex' SET lc_monetary = 'C' AS $$
BEGIN
    RETURN format('%s', value);
END
$$;

-- The reverse: the value of a text that archive.exact_text() wrote. It is IMMUTABLE, because no setting changes its result, so that
-- the planner evaluates it and plans only the partition of the value.
CREATE OR REPLACE FUNCTION archive.exact_value(exact text, type_of anyelement) RETURNS anyelement
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET lc_monetary = 'C' AS $$
DECLARE
    result ALIAS FOR $0;
BEGIN
    result := exact;
    RETURN result;
END
$$;

-- SQL for the tenant of a row as text, in the form of archival records and entries. The owner of a type may define a cast
-- to text, which would run as the caller, so the output function of such a type writes the text. A built-in type is cast:
-- its output function pads a char(n), and its cast does not.
CREATE OR REPLACE FUNCTION archive.tenant_text(alias text, column_name name, column_type oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base oid := column_type;
BEGIN
    WHILE EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND t.typtype = 'd') LOOP
        base := (SELECT t.typbasetype FROM pg_type AS t WHERE t.oid = base);
    END LOOP;
    -- The ids of users' objects begin at 16384.
    RETURN CASE WHEN base < 16384 THEN format('%s.%I::pg_catalog.text', alias, column_name)
                ELSE format('(CASE WHEN %1$s.%2$I IS DISTINCT FROM NULL THEN pg_catalog.format(''%%s'', %1$s.%2$I) END)', alias, column_name) END;
END
$$;

-- The value as JSON: an integer or a boolean as itself, anything else as its exact text, which any client can read.
CREATE OR REPLACE FUNCTION archive.exact_json(value anyelement) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base oid := pg_typeof(value);
BEGIN
    -- From 16384 on are the ids of users' objects, domains among them.
    WHILE base >= 16384 AND EXISTS (SELECT FROM pg_type AS t WHERE t.oid = base AND t.typtype = 'd') LOOP
        base := (SELECT t.typbasetype FROM pg_type AS t WHERE t.oid = base);
    END LOOP;
    -- to_jsonb() runs no cast that somebody defined where the base type is one of these.
    RETURN CASE WHEN base = ANY ('{int2,int4,int8,bool}'::regtype[]::oid[]) THEN to_jsonb(value)
                ELSE to_jsonb(archive.exact_text(value)) END;
END
$$;

-- Whether the session acts for the tenant of a record. The functions below check it, since policies do not apply to an
-- owner with BYPASSRLS.
CREATE OR REPLACE FUNCTION archive.acts_for(tenant text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF tenant IS NULL OR tenant OPERATOR(pg_catalog.=) archive.current_tenant() THEN
        RETURN true;
    END IF;
    RETURN NOT EXISTS (SELECT FROM archive.tenancy)
           -- All tables have the same administrator, and enable_tenancy() of some may not have named it.
           OR archive.acts_for_all((SELECT pg_catalog.min(t.administrator::pg_catalog.text)::pg_catalog.name FROM archive.tenancy AS t));
END
$$;

-- Raises in an operation that PostgreSQL runs for the owner of a table, such as the ANALYZE of an index that calls a
-- function: the acting role there is the role that maintains the table, but the code belongs to the owner. PostgreSQL
-- refuses UNLISTEN in such operations alone. Nothing listens on this channel.
--
-- Like all require functions here, it returns true or raises: PL/pgSQL evaluates an expression of such calls without
-- running a query for each.
CREATE OR REPLACE FUNCTION archive.require_session() RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    UNLISTEN archive_session;
    RETURN true;
END
$$;

-- Whether a role may move rows of a table into its archive table, or back. A grant on single columns counts, as it does for
-- the statements that move the rows. A restore also reads the archival record. It is one expression, so that the server
-- inlines it into the calling query.
CREATE OR REPLACE FUNCTION archive.may_move(role name, active regclass, archive_table regclass, restoring boolean) RETURNS boolean
LANGUAGE sql STABLE
RETURN CASE WHEN restoring
            THEN pg_catalog.has_any_column_privilege(role, active, 'INSERT') AND pg_catalog.has_table_privilege(role, archive_table, 'DELETE')
                 AND pg_catalog.has_any_column_privilege(role, archive_table, 'SELECT')
            ELSE pg_catalog.has_table_privilege(role, active, 'DELETE') AND pg_catalog.has_any_column_privilege(role, archive_table, 'INSERT') END;

-- Raises unless the acting role may move rows of all these tables: into their archive tables, or out of them. The plan of
-- the restore reports a table that was dropped after the archive.
CREATE OR REPLACE FUNCTION archive.require_rights(tables regclass[], restoring boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    role    pg_catalog.name := archive.acting_role();
    allowed boolean;
    known   pg_catalog.int8;
    lacked  pg_catalog.text;
BEGIN
    -- The privilege on a table that does not exist is NULL.
    SELECT pg_catalog.bool_and(p.allowed), pg_catalog.count(p.allowed),
           pg_catalog.min(pg_catalog.format(
               CASE WHEN restoring THEN 'INSERT on %s, and SELECT and DELETE on %s' ELSE 'DELETE on %s and INSERT on %s' END, p.active, p.archive_table)) FILTER (WHERE NOT p.allowed)
    INTO allowed, known, lacked
    FROM (SELECT archive.may_move(role, r.active, r.archive_table, restoring) AS allowed, r.active, r.archive_table
          FROM archive.archived_table AS r
          WHERE r.active::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (tables::pg_catalog.oid[])) AS p;
    IF archive.require_session() AND allowed AND (restoring OR known OPERATOR(pg_catalog.=) pg_catalog.cardinality(tables)) THEN
        RETURN true;
    -- Only the owner of the archive restores an archival of which every table was dropped.
    ELSIF restoring AND allowed IS NULL AND pg_catalog.pg_has_role(role, current_user, 'MEMBER') THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = pg_catalog.format(
        'the role %I may not %s this: it needs %s', role, CASE WHEN restoring THEN 'restore or purge' ELSE 'archive' END,
        coalesce(lacked, 'tables that have archive tables'));
END
$$;

-- Raises unless the session acts for these tenants. Every row of a table under tenancy has a tenant.
CREATE OR REPLACE FUNCTION archive.require_tenants(relation regclass, tenants text[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM archive.tenancy) THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM pg_catalog.unnest(tenants) AS t (tenant) WHERE NOT archive.acts_for(t.tenant))
       OR pg_catalog.array_position(tenants, NULL) IS NOT NULL
          AND (EXISTS (SELECT FROM archive.tenancy AS t
                       WHERE t.relation::pg_catalog.oid OPERATOR(pg_catalog.=) require_tenants.relation::pg_catalog.oid)
               -- A history comes under tenancy with the table of its identities, which also creates its policies.
               OR EXISTS (SELECT FROM archive.tenancy_object AS o
                          WHERE o.relation::pg_catalog.oid OPERATOR(pg_catalog.=) require_tenants.relation::pg_catalog.oid
                            AND o.kind OPERATOR(pg_catalog.=) 'policy')) THEN
        RAISE EXCEPTION USING ERRCODE = 'AR010', MESSAGE = (
            SELECT pg_catalog.concat(n.nspname, '.', c.relname)
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            WHERE c.oid OPERATOR(pg_catalog.=) require_tenants.relation);
    END IF;
    RETURN true;
END
$$;

-- The signature of ids that this transaction has drawn. The outer hash over the key and the inner digest prevents length
-- extension: a signature does not yield that of a longer list of ids.
CREATE OR REPLACE FUNCTION archive.signature(ids text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT pg_catalog.encode(pg_catalog.sha256(k.key OPERATOR(pg_catalog.||) pg_catalog.sha256(
                k.key OPERATOR(pg_catalog.||) pg_catalog.convert_to(pg_catalog.concat(pg_catalog.pg_current_xact_id(), ids), 'UTF8'))), 'hex')
            FROM archive.signing_key AS k);
END
$$;

-- Draws ids for this many archivals. archive.record_archivals() accepts no others, so no role can use an id before another
-- role draws it. Several ids are signed for this transaction. A single id needs no signature: the sequence remembers the
-- last id of this session, and roles may not use the sequence.
CREATE OR REPLACE FUNCTION archive.draw_archivals(archivals integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids jsonb;
BEGIN
    IF archivals = 1 THEN
        RETURN jsonb_build_object('ids', jsonb_build_array(nextval('archive.archival_id_seq')));
    END IF;
    ids := (SELECT jsonb_agg(nextval('archive.archival_id_seq')) FROM generate_series(1, archivals));
    RETURN jsonb_build_object('ids', ids, 'signature', archive.signature(ids::text));
END
$$;

-- Raises unless this transaction has drawn all ids. For a single id it is enough that this session has drawn it.
CREATE OR REPLACE FUNCTION archive.require_drawn(drawn jsonb, ids bigint[]) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF drawn OPERATOR(pg_catalog.->) 'signature' IS NULL THEN
        IF pg_catalog.currval('archive.archival_id_seq') OPERATOR(pg_catalog.=) ALL (ids) THEN
            RETURN true;
        END IF;
    ELSIF (drawn OPERATOR(pg_catalog.->>) 'signature') OPERATOR(pg_catalog.=) archive.signature(drawn OPERATOR(pg_catalog.->>) 'ids') THEN
        -- Hashed: linear in the number of ids.
        IF NOT EXISTS (SELECT i FROM pg_catalog.unnest(ids) AS i
                       EXCEPT SELECT d::pg_catalog.int8 FROM pg_catalog.jsonb_array_elements_text(drawn OPERATOR(pg_catalog.->) 'ids') AS d) THEN
            RETURN true;
        END IF;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE =
        'the ids of archival records are drawn by archive.draw_archivals() in the same transaction';
END
$$;

-- Raises unless every array has an element for each id: unnest() would fill a shorter array with NULL.
CREATE OR REPLACE FUNCTION archive.require_each(ids bigint[], VARIADIC cardinalities integer[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF pg_catalog.cardinality(ids) OPERATOR(pg_catalog.=) ALL (cardinalities) THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'each array has one element for each id';
END
$$;

-- Writes the records of archivals whose rows are already in their archive tables, one element of each array for each
-- record, and returns them in the form of archive.record_json(). The arguments of the move contain the drawn ids, the
-- actor and the reason.
CREATE OR REPLACE FUNCTION archive.record_archivals(
    args jsonb, tables regclass[], archived_at timestamptz, ids bigint[], keys jsonb[], counts jsonb[], tenants text[]
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role     name := archive.acting_role();
    allowed  boolean := archive.require_drawn(args, ids) AND archive.require_session();
    root     text := array_to_string(parse_ident(tables[1]::text), '.');
    metadata jsonb := nullif(args->'metadata', 'null');
    recorded jsonb;
BEGIN
    -- One query, since most archivals have few rows. Where it does not allow the move, the functions below raise the error.
    SELECT bool_and(archive.may_move(role, r.active, r.archive_table, false)) AND count(*) = cardinality(tables) AND NOT EXISTS (SELECT FROM archive.tenancy)
    INTO allowed
    FROM archive.archived_table AS r WHERE r.active::oid = ANY (tables::oid[]);
    IF allowed IS NOT TRUE THEN
        allowed := archive.require_rights(tables, false) AND archive.require_tenants(tables[1], tenants);
    END IF;
    IF archive.require_each(ids, cardinality(keys), cardinality(counts), cardinality(tenants))
       AND archived_at BETWEEN now() - interval '1 minute' AND clock_timestamp() + interval '1 minute' IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = '22008', MESSAGE = format('%s is not the time of this archive', archived_at);
    END IF;
    -- An array may have another lower bound: element 1 is then not the element that was checked.
    IF cardinality(ids) = 1 AND ARRAY[array_lower(ids, 1), array_lower(keys, 1), array_lower(counts, 1), array_lower(tenants, 1)] = '{1,1,1,1}' THEN
        INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, metadata, row_counts, tables, tenant)
        VALUES (ids[1], root, keys[1], archived_at, args->>'by', args->>'reason', metadata, counts[1], tables, tenants[1])
        RETURNING jsonb_build_array(archive.record_json(archival)) INTO recorded;
        RETURN recorded;
    END IF;
    WITH written AS (
        INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, metadata, row_counts, tables, tenant)
        SELECT n.id, root, n.key, archived_at, args->>'by', args->>'reason', metadata, n.counts, tables, n.tenant
        FROM unnest(ids, keys, counts, tenants) AS n (id, key, counts, tenant)
        RETURNING archival.*
    )
    SELECT jsonb_agg(archive.record_json(w)) INTO recorded FROM written AS w;
    RETURN recorded;
END
$$;

-- A record in the form that the runtime reads. Values of callers are text, so that no large number and no deep nesting
-- makes the answer unreadable for a client after the commit.
CREATE OR REPLACE FUNCTION archive.record_json(record archive.archival) RETURNS jsonb
LANGUAGE sql STABLE
RETURN pg_catalog.jsonb_build_object(
    'id', (record).id, 'root_table', (record).root_table, 'root_key', (record).root_key::text,
    'archived_at', pg_catalog.timezone('UTC', (record).archived_at), 'archived_by', (record).archived_by,
    'reason', (record).reason, 'metadata', (record).metadata::text, 'row_counts', (record).row_counts::text,
    'restored_at', pg_catalog.timezone('UTC', (record).restored_at), 'restored_by', (record).restored_by,
    'purged_at', pg_catalog.timezone('UTC', (record).purged_at), 'purged_by', (record).purged_by,
    'purged_rows', (record).purged_rows::text, 'purge_policy', (record).purge_policy, 'tenant', (record).tenant,
    'part_of', (record).part_of, 'holds', (record).holds);

-- Whether two keys have other columns and the same values: columns of the primary key were renamed. The columns of both have the
-- same values.
CREATE OR REPLACE FUNCTION archive.is_renamed_key(recorded jsonb, key jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN NOT recorded OPERATOR(pg_catalog.?&) ARRAY(SELECT pg_catalog.jsonb_object_keys(key))
   AND NOT EXISTS (SELECT FROM pg_catalog.jsonb_each(key) AS k
                   WHERE recorded OPERATOR(pg_catalog.?) k.key AND recorded OPERATOR(pg_catalog.->) k.key OPERATOR(pg_catalog.<>) k.value)
   AND ARRAY(SELECT k.value FROM pg_catalog.jsonb_each(recorded) AS k ORDER BY k.value)
       OPERATOR(pg_catalog.=) ARRAY(SELECT k.value FROM pg_catalog.jsonb_each(key) AS k ORDER BY k.value);

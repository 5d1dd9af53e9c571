-- The functions that purge archivals: they delete the rows of archivals from their archive tables for good. Every statement may
-- run again.

-- The parts of a purge: the archivals of each tenant, which are locked, and the tables of their rows. Raises unless the acting role
-- may restore them.
CREATE OR REPLACE FUNCTION archive.parts_of_purge(archivals bigint[], policy text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts   jsonb := '[]';
    tables  oid[];
    part    record;
    allowed boolean;
BEGIN
    FOR part IN
        SELECT a.tenant, array_agg(a.id ORDER BY a.id) AS ids FROM archive.archival AS a
        WHERE a.id = ANY (archivals) GROUP BY a.tenant ORDER BY min(a.id)
    LOOP
        -- A separate query: its snapshot shows the tables that a restore added before this call acquired its locks.
        tables := archive.tables_of(part.ids);
        allowed := archive.require_rights(tables::regclass[], true);
        parts := parts || jsonb_build_object('ids', to_jsonb(part.ids), 'tenant', part.tenant, 'tables', to_jsonb(tables), 'policy', policy);
    END LOOP;
    RETURN parts;
END
$$;

-- Locks archivals in the order of their ids, and returns what archive.purge_parts() needs. Archivals that are restored or purged, or
-- belong to a tenant that the session does not act for, are left out. Raises AR021 for one that is held, unless those are left out too.
--
-- Race: a hold that is placed meanwhile waits (archive.lock_holds()), and so does a purge for it.
-- Race: a restore of one of the archivals, or one that defers rows to it. The second waits here: after a restore the archival is left
-- out, and after a purge the restore finds none. The order of the ids prevents a deadlock of two such calls.
CREATE OR REPLACE FUNCTION archive.begin_purge(archivals bigint[], policy text, without_held boolean DEFAULT false) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked boolean := archive.lock_holds();
    ids    bigint[] := ARRAY(
        SELECT a.id FROM archive.archival AS a
        WHERE a.id = ANY (archivals) AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
        ORDER BY a.id FOR UPDATE);
BEGIN
    RETURN archive.parts_of_purge(archive.purgeable(ids, without_held), policy);
END
$$;

-- Marks archivals as purged after their rows were deleted from their archive tables, and deletes their detached links. `counts` has
-- an element for each name of a table: how many of its rows were deleted, by the id of the archival. Returns how many archivals it
-- marked, and the record of the first one in the form of archive.record_json().
--
-- Race: the caller has locked the archivals before it deleted the rows, so no restore moves them, and none defers a row to one of
-- these archivals.
CREATE OR REPLACE FUNCTION archive.finish_purge(archivals bigint[], names text[], counts jsonb[], by text, policy text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at      timestamptz := clock_timestamp();
    ids     bigint[];
    tables  oid[];
    part    record;
    allowed boolean;
BEGIN
    WITH deleted AS (
        SELECT c.id::bigint AS id, jsonb_object_agg(n.name, c.rows) AS rows
        FROM unnest(names, counts) AS n(name, counts) CROSS JOIN LATERAL jsonb_each(n.counts) AS c(id, rows) GROUP BY c.id
    ),
    finished AS (
        UPDATE archive.archival AS a SET purged_at = at, purged_by = by, purge_policy = policy, purged_rows = coalesce(i.rows, '{}')
        FROM (SELECT g.id, d.rows FROM (SELECT DISTINCT unnest(archivals)) AS g(id) LEFT JOIN deleted AS d ON d.id = g.id) AS i
        WHERE a.id = i.id AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
        RETURNING a.id
    )
    SELECT coalesce(array_agg(f.id ORDER BY f.id), '{}') INTO ids FROM finished AS f;
    IF NOT archivals <@ ids THEN
        RAISE EXCEPTION USING ERRCODE = 'AR005', MESSAGE = format(
            'archivals %s were closed while their rows were deleted, so nothing was purged: a trigger on an archive table changes '
            'archive.archival; drop it, or let it leave archivals that are not restored', (
                SELECT string_agg(l.id::text, ', ' ORDER BY l.id) FROM (
                    SELECT i.id FROM unnest(archivals) AS i(id) WHERE i.id <> ALL (ids) LIMIT 10) AS l));
    END IF;
    -- The caller may not have called archive.begin_purge().
    PERFORM archive.purgeable(ids, false);
    FOR part IN
        SELECT a.tenant, array_agg(a.id ORDER BY a.id) AS ids FROM archive.archival AS a WHERE a.id = ANY (ids) GROUP BY a.tenant
    LOOP
        tables := archive.tables_of(part.ids);
        allowed := archive.require_rights(tables::regclass[], true) AND archive.require_none_left(part.ids, tables, part.tenant, true);
        DELETE FROM archive.detached_link AS l WHERE l.archival_id = ANY (part.ids) AND l.tenant IS NOT DISTINCT FROM part.tenant;
    END LOOP;
    -- Without the record where there is none.
    RETURN jsonb_build_object('archivals', cardinality(ids))
        || coalesce((SELECT jsonb_build_object('archival', archive.record_json(a)) FROM archive.archival AS a WHERE a.id = ids[1]), '{}');
END
$$;

-- Deletes the rows of archivals that are locked, and marks these archivals. `parts` comes from archive.begin_purge(). Returns how many
-- archivals and how many rows of which table were purged, and the record of the first archival.
--
-- The rows are deleted with the rights of the caller. Triggers run on the search_path of the caller, so everything here is qualified.
-- The statements name one table each, and are written here: a purge from psql needs no plan, and one statement for all archivals
-- of a tenant costs the same as a prepared one.
--
-- Races: the archivals are locked, so no restore moves their rows. Each statement has a snapshot of its own after it has locked its
-- table; above READ COMMITTED the snapshot may be older than a change of the table, which is checked after the rows are deleted, while
-- their tables are locked.
CREATE OR REPLACE FUNCTION archive.purge_parts(parts jsonb, by text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    context  pg_catalog.text := archive.current_actor();
    actor    pg_catalog.text := coalesce(by, context);
    setting  pg_catalog.text;
    part     pg_catalog.jsonb;
    ids      pg_catalog.int8[];
    held     pg_catalog.record;
    deleted  pg_catalog.record;
    names    pg_catalog.text[];
    counts   pg_catalog.jsonb[];
    checked  pg_catalog.text[] := '{}';
    finished pg_catalog.jsonb;
    first    pg_catalog.jsonb;
    purged   pg_catalog.int8 := 0;
    rows     pg_catalog.jsonb := '{}';
BEGIN
    IF actor IS NOT NULL THEN
        -- Triggers record the same actor as the archival table.
        setting := archive.set_actor(actor);
    END IF;
    FOR part IN SELECT p.part FROM pg_catalog.jsonb_array_elements(parts) AS p(part) LOOP
        ids := ARRAY(SELECT i.id::pg_catalog.int8 FROM pg_catalog.jsonb_array_elements_text(part OPERATOR(pg_catalog.->) 'ids') AS i(id));
        names := '{}';
        counts := '{}';
        FOR held IN
            SELECT c.oid AS id, pg_catalog.concat(n.nspname, '.', c.relname) AS name, r.archival_id_column,
                   pg_catalog.format('%I.%I', n.nspname, c.relname) AS active, pg_catalog.format('%I.%I', an.nspname, ac.relname) AS archive_table,
                   pg_catalog.concat(an.nspname, '.', ac.relname) AS archive_name,
                   -- NULL in the tenant column is not the tenant of an archival.
                   CASE WHEN o.tenant_column IS NULL THEN 'false'
                        ELSE pg_catalog.format('ARRAY[%s] OPERATOR(pg_catalog.<>) ARRAY[$2] AND ARRAY[$2] OPERATOR(pg_catalog.<>) ARRAY['''']',
                                             archive.tenant_text('t', o.tenant_column, o.tenant_type))
                   END AS is_of_other_tenant
            FROM pg_catalog.jsonb_array_elements_text(part OPERATOR(pg_catalog.->) 'tables') WITH ORDINALITY AS t(id, ord)
            JOIN archive.archived_table AS r ON r.active::pg_catalog.oid OPERATOR(pg_catalog.=) t.id::pg_catalog.oid
            JOIN pg_catalog.pg_class AS c ON c.oid OPERATOR(pg_catalog.=) r.active
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
            JOIN pg_catalog.pg_class AS ac ON ac.oid OPERATOR(pg_catalog.=) r.archive_table
            JOIN pg_catalog.pg_namespace AS an ON an.oid OPERATOR(pg_catalog.=) ac.relnamespace
            LEFT JOIN LATERAL (
                SELECT a.attname AS tenant_column, a.atttypid AS tenant_type FROM archive.tenancy_scope AS s
                JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) s.relation
                    AND a.attname OPERATOR(pg_catalog.=) s.wanted_column AND NOT a.attisdropped
                WHERE s.relation OPERATOR(pg_catalog.=) ac.oid LIMIT 1
            ) AS o ON true
            ORDER BY t.ord
        LOOP
            EXECUTE pg_catalog.format(
                'WITH taken AS (DELETE FROM %1$s AS t WHERE t.%2$I OPERATOR(pg_catalog.=) ANY ($1) '
                'RETURNING t.%2$I AS id, %3$s AS is_of_other_tenant), '
                'counted AS (SELECT k.id, pg_catalog.count(*) AS rows, pg_catalog.bool_or(k.is_of_other_tenant) AS is_of_other_tenant '
                'FROM taken AS k GROUP BY k.id) '
                'SELECT coalesce(pg_catalog.jsonb_object_agg(c.id, c.rows), ''{}'') AS counts, coalesce(pg_catalog.sum(c.rows), 0)::pg_catalog.int8 AS rows, '
                'coalesce(pg_catalog.bool_or(c.is_of_other_tenant), false) AS is_of_other_tenant FROM counted AS c',
                held.archive_table, held.archival_id_column, held.is_of_other_tenant)
            INTO deleted USING ids, part OPERATOR(pg_catalog.->>) 'tenant';
            -- Race: a table or the column was renamed before the statement locked the table. It stays locked, so its name is final.
            IF NOT EXISTS (SELECT FROM archive.archived_table AS r
                           WHERE r.active::pg_catalog.oid OPERATOR(pg_catalog.=) held.id AND r.archival_id_column OPERATOR(pg_catalog.=) held.archival_id_column
                             AND r.archive_table::pg_catalog.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(held.archive_table)::pg_catalog.oid) THEN
                PERFORM archive.stop('AR001', pg_catalog.concat(held.archive_name, ' was renamed or replaced while rows of it were purged: try again'));
            ELSIF archive.renamed_archival_id(held.id) IS NOT NULL THEN
                PERFORM archive.stop('AR005', pg_catalog.format('nothing was purged: the column %I of %s with the ids of the archivals has the name %I now, '
                    'and another column has its name; rename both back', held.archival_id_column, held.archive_name, archive.renamed_archival_id(held.id)));
            ELSIF deleted.is_of_other_tenant THEN
                PERFORM archive.stop('AR010', held.archive_name);
            END IF;
            names := pg_catalog.array_append(names, held.name);
            counts := pg_catalog.array_append(counts, deleted.counts);
            checked := checked OPERATOR(pg_catalog.||) ARRAY[held.active, held.archive_table];
            rows := rows OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(held.name,
                deleted.rows OPERATOR(pg_catalog.+) coalesce((rows OPERATOR(pg_catalog.->>) held.name)::pg_catalog.int8, 0));
        END LOOP;
        finished := archive.finish_purge(ids, names, counts, actor, part OPERATOR(pg_catalog.->>) 'policy');
        purged := purged OPERATOR(pg_catalog.+) (finished OPERATOR(pg_catalog.->>) 'archivals')::pg_catalog.int8;
        first := coalesce(first, finished OPERATOR(pg_catalog.->) 'archival');
    END LOOP;
    PERFORM archive.refuse_old_snapshot(checked);
    IF actor IS NOT NULL THEN
        setting := archive.set_actor(context);
    END IF;
    RETURN pg_catalog.jsonb_build_object('archivals', purged, 'rows', rows)
        OPERATOR(pg_catalog.||) CASE WHEN purged OPERATOR(pg_catalog.=) 1 THEN pg_catalog.jsonb_build_object('archival', first) ELSE '{}' END;
END
$$;

-- Purges archivals, of any tenants and tables, in one statement: `SELECT archive.purge_archivals('{7, 8}', 'gdpr', 'erasure request')`.
-- Returns how many archivals and how many rows of which table: {"archivals": 2, "rows": {"public.posts": 2, "public.comments": 5}},
-- and of one archival its record. Archivals that were restored or purged before are left out, which is no error.
CREATE OR REPLACE FUNCTION archive.purge_archivals(archivals bigint[], by text DEFAULT NULL, policy text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN archive.purge_parts(archive.begin_purge(archivals, policy), by);
END
$$;

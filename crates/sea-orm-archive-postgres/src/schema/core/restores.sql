-- The functions that lock archivals for a restore, and mark them. Those of a purge are in purges.sql.

-- The tables of archivals, each once: those of the first archival first, in their order.
CREATE OR REPLACE FUNCTION archive.tables_of(archivals bigint[]) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Most archivals have the same list of tables.
    RETURN ARRAY(
        SELECT t.id
        FROM (SELECT a.tables::oid[] AS tables, min(i.place) AS place
              FROM unnest(archivals) WITH ORDINALITY AS i(id, place) JOIN archive.archival AS a ON a.id = i.id GROUP BY a.tables::oid[]) AS l
        CROSS JOIN LATERAL unnest(l.tables) WITH ORDINALITY AS t(id, ord)
        GROUP BY t.id ORDER BY min(l.place * 1000000 + t.ord));
END
$$;

-- Locks the records of archivals in the order of their ids, and returns what a restore of all of them needs: the ids, the smallest
-- of them, the tenant, the tables that hold their rows and still exist, the ids of each root table, and the number of their detached
-- links. NULL where all of them are restored or purged. Raises AR002 where they belong to several tenants.
--
-- Race: two restores with common archivals, or a restore and another one that defers rows to one of them. The second waits here. The
-- order of the ids prevents a deadlock of two such calls.
CREATE OR REPLACE FUNCTION archive.claim_archivals(archivals bigint[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids     bigint[] := ARRAY(
        SELECT a.id FROM archive.archival AS a
        WHERE a.id = ANY (archivals) AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
        ORDER BY a.id FOR UPDATE);
    owner   text;
    tables  oid[];
    allowed boolean;
    links   bigint;
BEGIN
    IF cardinality(ids) = 0 THEN
        RETURN NULL;
    END IF;
    allowed := archive.require_restorable(ids);
    -- Separate queries: their snapshots show what a transaction that held a lock has committed.
    owner := (SELECT a.tenant FROM archive.archival AS a WHERE a.id = ids[1]);
    IF EXISTS (SELECT FROM archive.archival AS a WHERE a.id = ANY (ids) AND a.tenant IS DISTINCT FROM owner) THEN
        PERFORM archive.stop('AR002', 'the archivals belong to several tenants');
    END IF;
    tables := archive.tables_of(ids);
    allowed := archive.require_rights(tables::regclass[], true);
    links := (SELECT count(*) FROM archive.detached_link AS l JOIN pg_class AS c ON c.oid = l.child
              WHERE l.archival_id = ANY (ids) AND l.tenant IS NOT DISTINCT FROM owner);
    IF links > 0 THEN
        allowed := archive.follow_links(ids);
    END IF;
    RETURN jsonb_build_object(
        'id', ids[1], 'ids', to_jsonb(ids), 'tenant', owner, 'links', links,
        'tables', (SELECT coalesce(jsonb_agg(t.id ORDER BY t.ord), '[]') FROM unnest(tables) WITH ORDINALITY AS t(id, ord) JOIN pg_class AS c ON c.oid = t.id),
        'ids_by_root', (SELECT jsonb_object_agg(r.root, r.ids)
                  FROM (SELECT a.tables[1]::oid::text AS root, jsonb_agg(a.id) AS ids FROM archive.archival AS a
                        WHERE a.id = ANY (ids) AND cardinality(a.tables) > 0 GROUP BY 1) AS r));
END
$$;

-- Marks an archival as restored before its rows move, and returns what the restore needs: the tenant, the tables that hold
-- its rows and still exist, the number of its detached links, and the record that the restore returns. NULL if it is already
-- restored.
--
-- Where row-level security may hide rows of one of the archive tables, the role might not move all of them. Then
-- archive.finish_restores() marks the archival, and this result has no record.
--
-- Race: of two restores of one archival the second waits here and then finds it restored. A restore that defers rows to
-- this archival waits for the same lock.
CREATE OR REPLACE FUNCTION archive.begin_restore(archival bigint, by text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role     name := archive.acting_role();
    restored record;
    allowed  boolean;
    links    bigint;
BEGIN
    -- One query for the mark and for the catalog, since most restores have few rows.
    UPDATE archive.archival AS a SET (restored_at, restored_by) = (
        SELECT CASE WHEN bool_or(c.relrowsecurity) THEN NULL ELSE clock_timestamp() END, CASE WHEN bool_or(c.relrowsecurity) THEN NULL ELSE by END
        FROM archive.archived_table AS r JOIN pg_class AS c ON c.oid = r.archive_table WHERE r.active::oid = ANY (a.tables::oid[]))
    WHERE a.id = archival AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
    RETURNING a.tenant, a.tables, a.holds, archive.record_json(a) AS record, a.restored_at IS NULL AS hides,
        (SELECT count(*) FROM pg_class AS c WHERE c.oid = ANY (a.tables::oid[])) AS existing,
        (SELECT bool_and(archive.may_move(role, r.active, r.archive_table, true))
         FROM archive.archived_table AS r WHERE r.active::oid = ANY (a.tables::oid[])) AS may
    INTO restored;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Race: a hold that the UPDATE waited for. A separate query has a snapshot that shows it.
    IF restored.holds > 0 THEN
        allowed := archive.require_restorable(ARRAY[archival]);
    END IF;
    IF archive.require_session() AND restored.may IS NOT TRUE THEN
        allowed := archive.require_rights(restored.tables, true);
    END IF;
    -- Race: a restore that this one waited for may have moved links to this archival. A separate query has a snapshot that
    -- shows them.
    links := (SELECT count(*) FROM archive.detached_link AS l JOIN pg_class AS c ON c.oid = l.child
              WHERE l.archival_id = archival AND l.tenant IS NOT DISTINCT FROM restored.tenant);
    IF links > 0 THEN
        allowed := archive.follow_links(ARRAY[archival]);
    END IF;
    IF restored.existing < cardinality(restored.tables) THEN
        -- Without the table of its root the archival is not restored. The error leads to a plan, which reports that.
        IF NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = restored.tables[1]::oid) THEN
            PERFORM archive.stop('AR002', 'the table of the root was dropped');
        END IF;
        restored.tables := ARRAY(SELECT t.id FROM unnest(restored.tables) WITH ORDINALITY AS t(id, ord)
                                 JOIN pg_class AS c ON c.oid = t.id ORDER BY t.ord);
    END IF;
    RETURN jsonb_build_object('id', archival, 'tenant', restored.tenant, 'tables', to_jsonb(restored.tables::oid[]), 'links', links)
           || CASE WHEN restored.hides THEN '{}' ELSE jsonb_build_object('record', restored.record) END;
END
$$;

-- Raises if an archive table still holds a row of the archivals of one tenant, whose rows the caller has moved or deleted: a policy
-- may have hidden that row from the role. Without `every` only tables with row-level security are checked. With it also the others,
-- and the archive tables whose table was dropped.
--
-- A row of another tenant does not belong to the archival, whatever its archival id: a role can insert such a row, and the
-- restore leaves it in the archive table. The tenant '' marks an archival from before tenancy, which may hold rows of every
-- tenant.
CREATE OR REPLACE FUNCTION archive.require_none_left(archivals bigint[], tables oid[], tenant text, every boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held    record;
    remains bigint;
    allowed boolean;
BEGIN
    FOR held IN
        SELECT r.archive_table, concat(n.nspname, '.', c.relname) AS name, r.archival_id_column, o.tenant_column, o.tenant_type, c.relrowsecurity,
               has_table_privilege(c.oid, 'SELECT') AND (NOT row_security_active(c.oid)
                   -- Policies of tenancy show the owner the same rows as the role. Restrictive ones of the application may not.
                   OR o.tenant_column IS NOT NULL AND NOT EXISTS (
                       SELECT FROM pg_policy AS p
                       WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd IN ('r', '*')
                         AND EXISTS (SELECT FROM unnest(p.polroles) AS g WHERE g = 0 OR pg_has_role(g, 'USAGE')))) AS is_seen
        FROM archive.archived_table AS r
        JOIN pg_class AS c ON c.oid = r.archive_table AND (every OR c.relrowsecurity) JOIN pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (
            SELECT a.attname AS tenant_column, a.atttypid AS tenant_type FROM archive.tenancy_scope AS s
            JOIN pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.wanted_column AND NOT a.attisdropped
            WHERE s.relation = c.oid LIMIT 1
        ) AS o ON true
        WHERE r.active::oid = ANY (tables)
        ORDER BY array_position(tables, r.active::oid)
    LOOP
        allowed := archive.require_trusted(held.archive_table);
        IF NOT held.is_seen AND NOT held.relrowsecurity THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
                'the owner of the schema archive cannot read whether %s still has rows of archival %s: give the role %I SELECT on that table',
                held.name, archivals[1], current_user);
        ELSIF NOT held.is_seen THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
                'row-level security may leave rows of archival %s in %s, and hide them from the owner of the schema archive: give the role %I SELECT on that table and BYPASSRLS',
                archivals[1], held.name, current_user);
        END IF;
        EXECUTE format('SELECT min(t.%2$I) FROM %1$s AS t WHERE t.%2$I = ANY ($1)%3$s', held.archive_table, held.archival_id_column,
                -- NULL does not count as another tenant.
                CASE WHEN held.tenant_column IS NOT NULL
                     THEN format(' AND (t.%I IS NULL OR %s = $2 OR $2 = '''')', held.tenant_column, archive.tenant_text('t', held.tenant_column, held.tenant_type)) END)
            INTO remains USING archivals, tenant;
        IF remains IS NOT NULL AND NOT held.relrowsecurity THEN
            RAISE EXCEPTION USING ERRCODE = 'AR005', MESSAGE = format(
                'archival %s still has rows in %s, so nothing was purged: the table of these rows was dropped, or a trigger kept them. '
                'Delete them with plain SQL, or drop %2$s, and purge the archival again', remains, held.name);
        ELSIF remains IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
                'archival %s still has rows in %s that row-level security hides from the role %I, so nothing was moved: let its policies show the role every row of the archival and let the role delete it, or use a role that may',
                remains, held.name, archive.acting_role());
        END IF;
    END LOOP;
    RETURN true;
END
$$;

-- Marks archivals as restored after their rows are back (the caller evaluates it last), and returns their records in the form of
-- archive.record_json().
--
-- Race: the archivals are locked, so no other restore defers a row to one of them after this check.
CREATE OR REPLACE FUNCTION archive.finish_restores(archivals bigint[], by text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at      timestamptz := clock_timestamp();
    ids     bigint[];
    records jsonb;
    allowed boolean;
    tables  oid[];
    moved   record;
BEGIN
    WITH finished AS (
        UPDATE archive.archival AS a SET restored_at = at, restored_by = by
        WHERE a.id = ANY (archivals) AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
        RETURNING a.*
    )
    SELECT array_agg(f.id ORDER BY f.id), jsonb_agg(archive.record_json(f) ORDER BY f.id) INTO ids, records FROM finished AS f;
    -- The caller may not have called archive.claim_archivals().
    allowed := archive.require_restorable(ids);
    FOR moved IN
        SELECT a.tenant, array_agg(a.id) AS ids FROM archive.archival AS a WHERE a.id = ANY (ids) GROUP BY a.tenant
    LOOP
        tables := archive.tables_of(moved.ids);
        allowed := archive.require_rights(tables::regclass[], true) AND archive.require_none_left(moved.ids, tables, moved.tenant, false);
    END LOOP;
    RETURN records;
END
$$;

-- The functions that defer rows to other archivals, and those that record, return and delete detached links. Every statement
-- may run again.

-- Locks the records of the archivals that rows of a table are deferred to, each of which holds a parent of those rows, and
-- adds the table to their lists of tables. The rows come from archivals that the caller restores.
--
-- Race: another transaction may be restoring one of them. Its restore holds the same lock: either it ends before the next
-- statement reads, and the parent is back, or it begins after the rows were reassigned.
CREATE OR REPLACE FUNCTION archive.defer_to(archivals bigint[], others bigint[], waiting regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other archive.archival;
BEGIN
    FOR other IN
        UPDATE archive.archival AS a
        SET counts_differ = true, tables = CASE WHEN waiting::oid = ANY (a.tables::oid[]) THEN a.tables ELSE a.tables || waiting END
        WHERE a.id = ANY (others) AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
          AND EXISTS (SELECT FROM archive.archival AS s
                      WHERE s.id = ANY (archivals) AND s.restored_at IS NULL AND s.purged_at IS NULL AND waiting::oid = ANY (s.tables::oid[])
                        AND a.tenant IS NOT DISTINCT FROM s.tenant)
        RETURNING a.*
    LOOP
        PERFORM archive.require_rights(other.tables, true);
    END LOOP;
END
$$;

-- Records the links that an archive set to NULL in rows of a table, one element of each array for each link, under archivals
-- whose ids this transaction has drawn. Returns how many.
CREATE OR REPLACE FUNCTION archive.record_links(
    drawn jsonb, child regclass, ids bigint[], keys jsonb[], edges text[], links jsonb[], tenants text[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed  boolean := archive.require_session() AND archive.require_drawn(drawn, ids) AND archive.require_tenants(child, tenants);
    here     text := archive.place_of(child);
    recorded bigint;
    lacked   text;
    unknown  text;
BEGIN
    -- The archival is recorded after its links. One that already exists belongs to an earlier user of the session, or the sequence
    -- is behind it: the error is that of its primary key.
    IF EXISTS (SELECT FROM archive.archival AS a WHERE a.id = ANY (ids)) THEN
        RAISE EXCEPTION USING ERRCODE = 'unique_violation', SCHEMA = 'archive', TABLE = 'archival', CONSTRAINT = 'archival_pkey',
            MESSAGE = 'links are recorded before their archival, and an archival with this id exists';
    END IF;
    -- The restore writes these columns again, as any role that may restore. Only links of foreign keys are accepted: another
    -- link could name a row only to observe what happens to it.
    SELECT string_agg(DISTINCT quote_ident(l.name), ', ') FILTER (
               WHERE has_column_privilege(archive.acting_role(), child, a.attnum, 'UPDATE') IS NOT TRUE),
           string_agg(DISTINCT l.edge, '; ') FILTER (WHERE NOT EXISTS (
               SELECT FROM pg_constraint AS c WHERE c.conrelid = child AND c.contype = 'f' AND a.attnum = ANY (c.conkey)
               AND l.edge = (SELECT string_agg(k.attname, ', ' ORDER BY array_position(c.conkey, k.attnum))
                             FROM pg_attribute AS k WHERE k.attrelid = child AND k.attnum = ANY (c.conkey))))
    INTO lacked, unknown
    FROM (SELECT DISTINCT n.edge, c.name FROM unnest(edges, links) AS n (edge, link) CROSS JOIN LATERAL jsonb_object_keys(n.link) AS c (name)) AS l
    LEFT JOIN pg_attribute AS a ON a.attrelid = child AND a.attname = l.name AND a.attnum > 0;
    IF archive.require_each(ids, cardinality(keys), cardinality(edges), cardinality(links), cardinality(tenants)) AND '{}' = ANY (links) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = 'a link has at least one column';
    ELSIF lacked IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
            'the role %I may not detach rows of %s: it needs UPDATE on %s', archive.acting_role(), child, lacked);
    ELSIF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('a link is that of a foreign key, and %s has none of (%s)', child, unknown);
    END IF;
    INSERT INTO archive.detached_link (archival_id, child, child_key, edge, link, tenant, columns, place)
    SELECT n.id, record_links.child, n.key, n.edge, n.link, n.tenant, k.columns, here
    FROM unnest(ids, keys, edges, links, tenants) AS n (id, key, edge, link, tenant)
    LEFT JOIN (SELECT DISTINCT ON (f.edge) f.edge, f.conkey AS columns
               FROM (SELECT c.conkey, (SELECT string_agg(a.attname, ', ' ORDER BY array_position(c.conkey, a.attnum))
                                       FROM pg_attribute AS a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) AS edge
                     FROM pg_constraint AS c WHERE c.conrelid = record_links.child AND c.contype = 'f') AS f) AS k ON k.edge = n.edge;
    GET DIAGNOSTICS recorded = ROW_COUNT;
    RETURN recorded;
END
$$;

-- Renames the columns in the detached links of archivals whose columns were renamed since. After a dump and a restore the columns
-- have other numbers, and the names of the links stay. Returns true.
--
-- Race: the archivals are locked. A table is renamed or altered before its names are read here, or waits for the end of the
-- restore, which locks the table.
CREATE OR REPLACE FUNCTION archive.follow_links(archivals bigint[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE archive.detached_link AS l
    SET edge = renamed.edge,
        link = (SELECT jsonb_object_agg(n.now, l.link -> n.before)
                FROM unnest(string_to_array(l.edge, ', '), renamed.names) AS n (before, now))
    FROM (SELECT d.child, d.edge AS before, d.columns, d.place, string_agg(a.attname, ', ' ORDER BY k.ord) AS edge,
                 array_agg(a.attname::text ORDER BY k.ord) AS names
          FROM (SELECT DISTINCT l.child, l.edge, l.columns, l.place FROM archive.detached_link AS l WHERE l.archival_id = ANY (archivals)) AS d
          CROSS JOIN LATERAL unnest(d.columns) WITH ORDINALITY AS k(attnum, ord)
          JOIN pg_attribute AS a ON a.attrelid = d.child AND a.attnum = k.attnum AND NOT a.attisdropped
          WHERE d.place = archive.place_of(d.child)
          GROUP BY d.child, d.edge, d.columns, d.place) AS renamed
    WHERE l.archival_id = ANY (archivals) AND archive.acts_for(l.tenant) AND l.child = renamed.child AND l.edge = renamed.before AND l.columns = renamed.columns
      AND l.place = renamed.place AND renamed.edge <> l.edge AND cardinality(renamed.names) = cardinality(l.columns)
      AND cardinality(string_to_array(l.edge, ', ')) = cardinality(l.columns);
    RETURN true;
END
$$;

-- The detached links of archivals, for a role that may restore them, without those of a table that was dropped. Only links with the
-- tenant of their archival count.
CREATE OR REPLACE FUNCTION archive.links_of(archivals bigint[]) RETURNS TABLE (
    id bigint, archival_id bigint, child regclass, child_key jsonb, edge text, link jsonb, deleted boolean
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT a.id FROM archive.archival AS a WHERE a.id = ANY (archivals) AND archive.acts_for(a.tenant));
BEGIN
    IF cardinality(ids) > 0 THEN
        PERFORM archive.require_rights(archive.tables_of(ids)::regclass[], true);
        RETURN QUERY SELECT l.id, l.archival_id, l.child, l.child_key, l.edge, l.link, l.deleted
                     FROM archive.detached_link AS l JOIN archive.archival AS a ON a.id = l.archival_id AND l.tenant IS NOT DISTINCT FROM a.tenant
                     WHERE l.archival_id = ANY (ids) AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = l.child);
    END IF;
END
$$;

-- Deletes links that were put back or never will be, for a role that may restore their archivals: one element of each array for each
-- link. Returns how many.
CREATE OR REPLACE FUNCTION archive.forget_links(
    archivals bigint[], child regclass, keys jsonb[], edges text[], of_deleted_rows boolean[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids       bigint[] := ARRAY(SELECT a.id FROM archive.archival AS a WHERE a.id = ANY (archivals) AND archive.acts_for(a.tenant));
    forgotten bigint;
BEGIN
    IF cardinality(ids) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM archive.require_rights(archive.tables_of(ids)::regclass[], true);
    DELETE FROM archive.detached_link AS l
    USING unnest(archivals, keys, edges, of_deleted_rows) AS n (id, key, edge, deleted) JOIN archive.archival AS a ON a.id = n.id
    WHERE a.id = ANY (ids) AND l.archival_id = a.id AND l.tenant IS NOT DISTINCT FROM a.tenant AND l.child = forget_links.child
      AND l.child_key = n.key AND l.edge = n.edge AND l.deleted = n.deleted;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;

-- Reassigns links to the other archivals that their parent rows were deferred to, one element of each array for each link.
-- archive.defer_to() has locked the records of those archivals.
CREATE OR REPLACE FUNCTION archive.move_links(archivals bigint[], child regclass, others bigint[], keys jsonb[], edges text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids     bigint[];
    targets bigint[];
BEGIN
    SELECT array_agg(DISTINCT a.id), array_agg(DISTINCT o.id) INTO ids, targets
    FROM unnest(archivals, others) AS n (id, other)
    JOIN archive.archival AS a ON a.id = n.id AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
    JOIN archive.archival AS o ON o.id = n.other AND o.restored_at IS NULL AND o.purged_at IS NULL AND o.tenant IS NOT DISTINCT FROM a.tenant;
    PERFORM archive.require_rights(archive.tables_of(ids || targets)::regclass[], true);
    UPDATE archive.detached_link AS l SET archival_id = o.id
    FROM unnest(archivals, others, keys, edges) AS n (id, other, key, edge)
    JOIN archive.archival AS a ON a.id = n.id JOIN archive.archival AS o ON o.id = n.other AND o.tenant IS NOT DISTINCT FROM a.tenant
    WHERE a.id = ANY (ids) AND o.id = ANY (targets) AND l.archival_id = a.id AND l.tenant IS NOT DISTINCT FROM a.tenant
      AND l.child = move_links.child AND l.child_key = n.key AND l.edge = n.edge;
END
$$;

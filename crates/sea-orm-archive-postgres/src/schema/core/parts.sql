-- Writes the records of archivals whose rows were taken or copied from another archival, one element of each array for each record.
-- They say who archived the rows, when and why, as the record of that archival does. Returns how many.
--
-- Race: the caller has locked that archival with archive.claim_archivals(), so no restore and no purge moves its rows meanwhile.
CREATE OR REPLACE FUNCTION archive.record_parts(
    drawn jsonb, source bigint, tables regclass[], ids bigint[], keys jsonb[], counts jsonb[]
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed  boolean := archive.require_session() AND archive.require_drawn(drawn, ids) AND archive.require_rights(tables, true)
                        AND archive.require_each(ids, cardinality(keys), cardinality(counts));
    root     text := array_to_string(parse_ident(tables[1]::text), '.');
    recorded bigint;
    held     record;
BEGIN
    -- A record is written only for rows that are there: without its root an archival could never be restored.
    SELECT r.archive_table, r.archival_id_column INTO held FROM archive.archived_table AS r WHERE r.active::oid = tables[1]::oid;
    allowed := archive.require_trusted(held.archive_table);
    EXECUTE format('SELECT count(DISTINCT t.%2$I) FROM %1$s AS t WHERE t.%2$I = ANY ($1)', held.archive_table, held.archival_id_column)
        INTO recorded USING ids;
    IF recorded <> cardinality(ids) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
            'the owner of the schema archive sees no row of %s for each of the archivals to record: give the role %I SELECT on that table, '
            'and BYPASSRLS where policies hide rows of it', held.archive_table, current_user);
    END IF;
    INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, metadata, row_counts, tables, tenant, part_of, hooks)
    SELECT n.id, root, n.key, s.archived_at, s.archived_by, s.reason, s.metadata, n.counts, record_parts.tables, s.tenant, s.id, s.hooks
    FROM archive.archival AS s CROSS JOIN unnest(ids, keys, counts) AS n (id, key, counts)
    WHERE s.id = source AND s.restored_at IS NULL AND s.purged_at IS NULL AND archive.acts_for(s.tenant)
      AND record_parts.tables::oid[] <@ s.tables::oid[];
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded <> cardinality(ids) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('archival %s is not archived with rows of these tables', source);
    END IF;
    UPDATE archive.archival AS a SET counts_differ = true WHERE a.id = source;
    RETURN recorded;
END
$$;

-- Raises where policies of the application may hide rows of archive tables from the role: copies of an archival, or a part of it, would lack
-- them. The policies of tenancy show a role every row of its tenants.
CREATE OR REPLACE FUNCTION archive.require_seen(tables oid[]) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hidden text := (
        SELECT string_agg(DISTINCT r.archive_table::text, ', ')
        FROM archive.archived_table AS r
        WHERE r.active::oid = ANY (tables) AND row_security_active(r.archive_table)
          AND (NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = r.archive_table::oid)
               OR EXISTS (SELECT FROM pg_policy AS p
                          WHERE p.polrelid = r.archive_table::oid AND NOT p.polpermissive
                            AND EXISTS (SELECT FROM unnest(p.polroles) AS g WHERE g = 0 OR pg_has_role(g, 'USAGE')))));
BEGIN
    IF hidden IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
            'row-level security may hide rows of %s from the role %I, and what is restored could lack them, so nothing was restored: '
            'use a role that sees every row (the owner of the table, or one with BYPASSRLS)', hidden, current_user);
    END IF;
    RETURN true;
END
$$;

-- SQL for a new value of each column of the primary keys of these tables that is an id: an identity column, or one whose default is from
-- a sequence or a random uuid. Any other default, such as the time or the tenant, is no new key. An object by table and column;
-- the names in it are valid on the search_path pg_catalog.
CREATE OR REPLACE FUNCTION archive.key_defaults(tables oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(k.relation, k.defaults), '{}')
        FROM (SELECT i.indrelid AS relation, jsonb_object_agg(a.attname, CASE
                         WHEN a.attidentity <> '' THEN format('nextval(%L::regclass)', (
                             SELECT d.objid::regclass FROM pg_depend AS d
                             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
                               AND d.refobjsubid = a.attnum AND d.deptype = 'i'))
                         ELSE pg_get_expr(f.adbin, f.adrelid) END) AS defaults
              FROM pg_index AS i
              JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
              LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum AND a.attgenerated = ''
                   AND (pg_get_expr(f.adbin, f.adrelid) LIKE '%nextval(%'
                        OR a.atttypid = 'uuid'::regtype AND pg_get_expr(f.adbin, f.adrelid) LIKE '%(%')
              WHERE i.indrelid = ANY (tables) AND i.indisprimary AND (a.attidentity <> '' OR f.adnum IS NOT NULL)
              GROUP BY i.indrelid) AS k);
END
$$;

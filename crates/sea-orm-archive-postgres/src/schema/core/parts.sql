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
BEGIN
    INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, metadata, row_counts, tables, tenant, part_of)
    SELECT n.id, root, n.key, s.archived_at, s.archived_by, s.reason, s.metadata, n.counts, record_parts.tables, s.tenant, s.id
    FROM archive.archival AS s CROSS JOIN unnest(ids, keys, counts) AS n (id, key, counts)
    WHERE s.id = source AND s.restored_at IS NULL AND s.purged_at IS NULL AND archive.acts_for(s.tenant)
      AND record_parts.tables::oid[] <@ s.tables::oid[];
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded <> cardinality(ids) THEN
        RAISE EXCEPTION USING ERRCODE = '22023', MESSAGE = format('archival %s is not archived with rows of these tables', source);
    END IF;
    RETURN recorded;
END
$$;

-- SQL for a new value of each column of the primary keys of these tables that has a default or is an identity column, as an object
-- by table and column. The names in it are qualified. A default that is no function call gives every row the same value, so it is none.
CREATE OR REPLACE FUNCTION archive.key_defaults(tables oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(k.relation, k.defaults), '{}')
        FROM (SELECT i.indrelid AS relation, jsonb_object_agg(a.attname, CASE
                         WHEN a.attidentity <> '' THEN format('pg_catalog.nextval(%L::pg_catalog.regclass)', (
                             SELECT d.objid::regclass FROM pg_depend AS d
                             WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
                               AND d.refobjsubid = a.attnum AND d.deptype = 'i'))
                         ELSE pg_get_expr(f.adbin, f.adrelid) END) AS defaults
              FROM pg_index AS i
              JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::smallint[])
              LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum AND a.attgenerated = ''
                                       AND pg_get_expr(f.adbin, f.adrelid) LIKE '%(%'
              WHERE i.indrelid = ANY (tables) AND i.indisprimary AND (a.attidentity <> '' OR f.adnum IS NOT NULL)
              GROUP BY i.indrelid) AS k);
END
$$;

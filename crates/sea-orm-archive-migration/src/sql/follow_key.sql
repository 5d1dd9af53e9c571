-- Whether code of this role may run with the rights of the caller: its own, and a superuser's. Called in functions that
-- run as their owner.
CREATE OR REPLACE FUNCTION archive.is_trusted(role oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role AND (r.rolsuper OR r.rolname = current_user))
$$;
-- What follows the key of a row that changes, while rows that refer to it are archived.
--
-- Archived rows have no foreign key, so ON UPDATE CASCADE does not reach them: their parent's new key is written here,
-- and a restore never finds another row under the old one. The detached links of the row itself follow too.
--
-- It runs as its owner, since who changes a key need have no rights on archive tables. Nothing of another role may run
-- then: no trigger, no conversion, no table of another owner. Where that cannot be, an error says so, and only where
-- archived rows do refer to the row. Keys are compared with the operators of the foreign key, and recorded keys as
-- archive.exact_text() writes them.
--
-- Race: a row that is archived at the same moment is locked by the foreign key's own trigger, which fires before this one
-- ("RI_" sorts first), so what follows is seen here in its archive table. A restore waits for the parent's lock.
CREATE OR REPLACE FUNCTION archive.follow_key() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    changed   oid := coalesce(pg_partition_root(TG_RELID)::oid, TG_RELID);
    reference record;
    linked    boolean;
    recorded  text;
    old_key   jsonb;
    new_key   jsonb;
BEGIN
    FOR reference IN
        SELECT format('%I.%I', n.nspname, t.relname) AS archive_table, t.relowner, r.twin,
               string_agg(format('($1).%I OPERATOR(%s.%s) t.%I', pa.attname, o.oprnamespace::regnamespace, o.oprname, ca.attname), ' AND ') AS same,
               string_agg(format('%I = ($2).%I', ca.attname, pa.attname), ', ') AS assigned,
               bool_or(EXISTS (SELECT FROM pg_cast AS x JOIN pg_proc AS f ON f.oid = x.castfunc
                               WHERE x.castsource = pa.atttypid AND x.casttarget = ca.atttypid
                                 AND NOT archive.is_trusted(f.proowner))) AS converts
        FROM pg_constraint AS c
        JOIN archive.archived_table AS r ON r.active = c.conrelid
        JOIN pg_class AS t ON t.oid = r.twin JOIN pg_namespace AS n ON n.oid = t.relnamespace
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) AS k(child, parent, operator)
        JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
        JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
        JOIN pg_operator AS o ON o.oid = k.operator
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid IN (changed, TG_RELID)
        GROUP BY c.oid, n.nspname, t.relname, t.relowner, r.twin
        ORDER BY c.oid
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE %s)', reference.archive_table, reference.same) INTO linked USING OLD;
        CONTINUE WHEN NOT linked;
        IF reference.converts OR NOT archive.is_trusted(reference.relowner) OR EXISTS (
            SELECT FROM pg_trigger AS g JOIN pg_proc AS f ON f.oid = g.tgfoid
            WHERE g.tgrelid = reference.twin AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 16 <> 0
              AND NOT archive.is_trusted(f.proowner))
        THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'archived rows of %s refer to this row of %s, and its key cannot change: the archive table, a trigger on it or a conversion of its key belongs to another role than the schema archive; restore the rows first, or change the owner',
                reference.archive_table, TG_RELID::regclass);
        END IF;
        EXECUTE format('UPDATE %s AS t SET %s WHERE %s', reference.archive_table, reference.assigned, reference.same) USING OLD, NEW;
    END LOOP;

    SELECT format('SELECT jsonb_build_array(%s)', string_agg(format('archive.exact_text(($1).%I)', a.attname), ', ' ORDER BY k.ord)) INTO recorded
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = changed AND i.indisprimary AND k.ord <= i.indnkeyatts;
    EXECUTE recorded INTO old_key USING OLD;
    EXECUTE recorded INTO new_key USING NEW;
    IF old_key <> new_key THEN
        -- Two rows can swap their keys in one statement only where the key is checked later; this row comes first or second.
        IF EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = changed AND l.child_key = new_key)
           AND EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = changed AND c.contype = 'p' AND c.condeferrable)
        THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'rows of %s with detached links exchange their keys, and the links could not tell them apart: give one of the rows a free key first',
                changed::regclass);
        END IF;
        UPDATE archive.detached_link AS l SET child_key = new_key WHERE l.child = changed AND l.child_key = old_key;
    END IF;
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
        'the key of this row of %s cannot change: the owner of the schema archive may not see or change every archived row and detached link that refers to it (%s); give that role BYPASSRLS and rights on the archive tables',
        TG_RELID::regclass, SQLERRM);
END
$$;

-- Marks the detached links of rows that are deleted for good, so that no later row with such a key gets them.
--
-- A move deletes rows too, and says so in archive.moving. That is a hint that anybody can set: whoever does keeps the
-- links of rows that they delete.
CREATE OR REPLACE FUNCTION archive.mark_deleted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked   oid := coalesce((SELECT r.active::oid FROM archive.archived_table AS r WHERE r.twin = TG_RELID), TG_RELID);
    recorded text;
BEGIN
    IF current_setting('archive.moving', true) LIKE pg_current_xact_id_if_assigned()::text || format(':%%,%s,%%', TG_RELID)
       OR NOT EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = marked AND NOT l.deleted) THEN
        RETURN NULL;
    END IF;
    SELECT format('jsonb_build_array(%s)', string_agg(format('archive.exact_text(r.%I)', a.attname), ', ' ORDER BY k.ord)) INTO recorded
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = marked AND i.indisprimary AND k.ord <= i.indnkeyatts;
    IF TG_OP = 'DELETE' THEN
        EXECUTE format('UPDATE archive.detached_link AS l SET deleted = true FROM deleted_rows AS r '
                       'WHERE l.child = %s AND l.child_key = %s AND NOT l.deleted', marked, recorded);
    ELSE
        -- What was truncated cannot be read any more: these are the links of rows that are in neither table.
        EXECUTE format('UPDATE archive.detached_link AS l SET deleted = true WHERE l.child = %s AND NOT l.deleted%s', marked, coalesce((SELECT format(' AND NOT EXISTS (SELECT FROM %s AS r WHERE %s = l.child_key)', other.relation::regclass, recorded)
                         FROM archive.archived_table AS t
                         CROSS JOIN LATERAL (SELECT CASE WHEN t.twin = TG_RELID THEN t.active ELSE t.twin END AS relation) AS other
                         WHERE t.active = marked), ''));
    END IF;
    RETURN NULL;
END
$$;

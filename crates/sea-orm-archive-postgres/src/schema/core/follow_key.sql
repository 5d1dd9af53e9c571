-- Whether a table has the policies of tenancy and no others, and these show the session every row.
CREATE OR REPLACE FUNCTION archive.sees_every_row(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = sees_every_row.relation)
       AND archive.acts_for_all((SELECT t.administrator FROM archive.tenancy AS t LIMIT 1))
       AND NOT EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = sees_every_row.relation
                       AND p.polname NOT IN ('tenancy', 'tenancy_administration', 'tenancy_trusted'));
END
$$;
-- Whether an UPDATE of a table that passed archive.require_trusted() runs code of another role: in a trigger or its condition,
-- a rule, a CHECK, an index or a generated column. Any role with the privilege TRIGGER may have written the condition of a
-- trigger, so only the archive's own triggers may have one. Indexes and generated columns are immutable expressions, which are
-- allowed where they name only built-in functions and types.
CREATE OR REPLACE FUNCTION archive.runs_other_code(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE part AS (
        SELECT relation AS oid UNION SELECT i.inhrelid FROM part AS p JOIN pg_inherits AS i ON i.inhparent = p.oid
    )
    SELECT EXISTS (
        SELECT FROM part AS p JOIN pg_class AS t ON t.oid = p.oid
        WHERE t.relhasrules
           OR EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = p.oid AND c.contype = 'c')
           OR EXISTS (SELECT FROM pg_trigger AS g JOIN pg_proc AS f ON f.oid = g.tgfoid
                      WHERE g.tgrelid = p.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 16 <> 0
                        AND NOT (archive.is_trusted(f.proowner)
                                 AND (g.tgqual IS NULL OR f.pronamespace = 'archive'::regnamespace)))
           -- PostgreSQL records a dependency on everything that is not built in.
           OR EXISTS (SELECT FROM pg_depend AS d
                      WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
                        AND (d.classid = 'pg_class'::regclass AND d.objid IN (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = p.oid)
                             OR d.classid = 'pg_attrdef'::regclass AND d.objid IN (
                                 SELECT v.oid FROM pg_attrdef AS v JOIN pg_attribute AS a ON a.attrelid = v.adrelid AND a.attnum = v.adnum
                                 WHERE v.adrelid = p.oid AND a.attgenerated <> ''))))
$$;
-- Whether the conversion of a value from one type to another may run code of another role: a cast function, or the CHECK of a
-- domain.
CREATE OR REPLACE FUNCTION archive.converts(source oid, target oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT source <> target AND EXISTS (SELECT FROM pg_type AS y WHERE y.oid IN (source, target)
                                        AND (y.typtype <> 'b' OR y.typnamespace <> 'pg_catalog'::regnamespace))
        OR EXISTS (SELECT FROM pg_cast AS x JOIN pg_proc AS f ON f.oid = x.castfunc
                   WHERE x.castsource = source AND x.casttarget = target AND NOT archive.is_trusted(f.proowner))
$$;
-- The condition that these columns of the key of an archived row t are recorded elsewhere: in archived rows below it, in
-- detached links of it or of rows below it, in a hold on it, or in its archival. NULL where none of these records the columns.
CREATE OR REPLACE FUNCTION archive.is_recorded(relation oid, changed int2[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH below AS (
        SELECT c.conrelid, r.archive_table, string_agg(
                   CASE WHEN archive.converts(pa.atttypid, ca.atttypid) OR archive.converts(pa.atttypid, ta.atttypid) THEN 'true'
                        ELSE format('t.%I OPERATOR(%s.%s) s.%I', pa.attname, o.oprnamespace::regnamespace, o.oprname, ca.attname) END, ' AND ') AS same
        FROM pg_constraint AS c
        LEFT JOIN archive.archived_table AS r ON r.active = c.conrelid
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) AS k(child, parent, operator)
        JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
        JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
        LEFT JOIN pg_attribute AS ta ON ta.attrelid = r.archive_table AND ta.attname = ca.attname AND NOT ta.attisdropped
        JOIN pg_operator AS o ON o.oid = k.operator
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid = relation AND c.confkey && changed
        GROUP BY c.oid, c.conrelid, r.archive_table
    ), own AS (
        SELECT string_agg(format('archive.exact_text(t.%I)', a.attname), ', ' ORDER BY k.ord) AS key
        FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = relation AND i.indisprimary AND k.ord <= i.indnkeyatts
        HAVING bool_or(k.attnum = ANY (changed))
    ), place AS (
        -- Rows that are hidden from the owner may exist.
        SELECT CASE WHEN archive.require_trusted(b.archive_table) AND row_security_active(b.archive_table::oid) AND NOT archive.sees_every_row(b.archive_table::oid) THEN 'true'
                    ELSE format('EXISTS (SELECT FROM %s AS s WHERE %s)', b.archive_table, b.same) END AS condition FROM below AS b WHERE b.archive_table IS NOT NULL
        UNION ALL
        SELECT format('EXISTS (SELECT FROM archive.detached_link AS l WHERE l.archival_id = t.%I AND l.child = %s::oid)', r.archival_id_column, b.conrelid::oid)
        FROM below AS b JOIN archive.archived_table AS r ON r.active = relation
        UNION ALL
        SELECT format('EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = %1$s::oid AND l.child_key = jsonb_build_array(%2$s)) OR '
                      'EXISTS (SELECT FROM archive.hold AS l WHERE l.relation = %1$s::oid AND l.held_key = jsonb_build_array(%2$s) AND l.released_at IS NULL) OR '
                      'NOT EXISTS (SELECT FROM archive.archival AS a WHERE a.id = t.%3$I AND a.tables[1] <> %1$s::oid)', relation, o.key, r.archival_id_column)
        FROM own AS o JOIN archive.archived_table AS r ON r.active = relation
    )
    SELECT string_agg(p.condition, ' OR ') FROM place AS p
$$;
-- The condition that a detached link l may belong to the row `alias` of a table, as SQL that begins with AND. Where the table is
-- under tenancy, a link of another tenant does not count: it could name this row only to observe its key.
CREATE OR REPLACE FUNCTION archive.of_tenant(relation oid, alias text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT format(' AND (l.tenant IS NULL OR l.tenant = %s)', archive.tenant_text(alias, a.attname, a.atttypid))
                     FROM archive.tenancy_scope AS s
                     JOIN pg_attribute AS a ON a.attrelid = s.relation AND a.attname = s.wanted_column AND NOT a.attisdropped
                     WHERE s.relation = of_tenant.relation ORDER BY a.attname LIMIT 1), '');
END
$$;
-- Lets the holds on a row follow its new key. Raises where other rows may have had the old key.
CREATE OR REPLACE FUNCTION archive.move_hold(changed oid, old_key jsonb, new_key jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM archive.hold AS h WHERE h.relation = changed AND h.held_key = old_key AND h.released_at IS NULL) THEN
        RETURN;
    ELSIF archive.archivals_of_row(changed, (SELECT r.archive_table FROM archive.archived_table AS r WHERE r.active = changed), old_key) <> '{}' THEN
        RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
            'the key %s of this row of %s cannot change: an archived row has it too, and a hold on this key is on either of them; release the hold first',
            old_key, changed::regclass);
    ELSIF EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = changed AND c.contype = 'p' AND c.condeferrable) THEN
        RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
            'a row of %s is held by its key, which is deferrable and cannot change: rows could exchange their keys, and another one would be held; release the hold first',
            changed::regclass);
    END IF;
    UPDATE archive.hold AS h SET held_key = new_key WHERE h.relation = changed AND h.held_key = old_key AND h.released_at IS NULL;
END
$$;
-- Updates archived rows and detached links when the key of the row that they refer to changes.
--
-- Archived rows have no foreign key, so ON UPDATE CASCADE does not reach them. This writes the new key of their parent, so
-- that a restore never finds another row under the old key. The detached links of the changed row itself are updated too.
--
-- It runs as its owner, since a role that changes a key needs no rights on archive tables. So it must run no code of another
-- role: no trigger or trigger condition, no conversion, no CHECK. Where it would, it raises an error: before the first query
-- for code that a query would run, and otherwise only if archived rows refer to the row. Keys are compared with the operators
-- of the foreign key, and recorded keys in the form of archive.exact_text().
--
-- Race: a referring row that is archived at the same time is locked by the foreign key's own trigger, which fires before this
-- one ("RI_" sorts first), so this sees the row in its archive table. The trigger of a deferrable foreign key may fire at the
-- end of the transaction, so the referring rows are locked here: an archive of one of them has ended then, or waits until this
-- transaction ends. Above READ COMMITTED rows that were archived after the snapshot are not visible, so the change of a key is
-- refused there. A restore waits for the lock of the parent.
CREATE OR REPLACE FUNCTION archive.follow_key() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    changed   oid := coalesce(pg_partition_root(TG_RELID)::oid, TG_RELID);
    reference record;
    differing int2[]; -- the columns of the foreign key whose value changes
    found_one boolean;
    recorded  text;
    of_tenant text;
    old_key   jsonb;
    new_key   jsonb;
BEGIN
    FOR reference IN
        SELECT format('%I.%I', n.nspname, t.relname) AS archive_table_name, c.conrelid, c.condeferrable, r.archive_table, t.relkind = 'p' AS is_partitioned,
               string_agg(format('($1).%I OPERATOR(%s.%s) t.%I', pa.attname, o.oprnamespace::regnamespace, o.oprname, ca.attname), ' AND ') AS same,
               string_agg(format('%I = ($2).%I', ca.attname, pa.attname), ', ') AS assigned,
               string_agg(format('CASE WHEN record_image_ne(ROW(($1).%1$I), ROW(($2).%1$I)) THEN %2$s END', pa.attname, k.child), ', ') AS differing,
               bool_or(archive.converts(pa.atttypid, ca.atttypid) OR archive.converts(pa.atttypid, ta.atttypid)) AS converts
        FROM pg_constraint AS c
        JOIN archive.archived_table AS r ON r.active = c.conrelid
        JOIN pg_class AS t ON t.oid = r.archive_table JOIN pg_namespace AS n ON n.oid = t.relnamespace
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) AS k(child, parent, operator)
        JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
        JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
        LEFT JOIN pg_attribute AS ta ON ta.attrelid = r.archive_table AND ta.attname = ca.attname AND NOT ta.attisdropped
        JOIN pg_operator AS o ON o.oid = k.operator
        WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid IN (changed, TG_RELID)
          -- Not the foreign key of tenancy: the tenant of an archived version stays the tenant of its archival.
          AND NOT EXISTS (SELECT FROM archive.tenancy_object AS x WHERE x.relation = c.conrelid AND x.kind = 'constraint' AND x.name = c.conname)
        GROUP BY c.oid, n.nspname, t.relname, t.relkind, r.archive_table
        ORDER BY c.oid
    LOOP
        EXECUTE format('SELECT array_remove(ARRAY[%s]::int2[], NULL)', reference.differing) INTO differing USING OLD, NEW;
        CONTINUE WHEN differing = '{}';
        IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'the key of this row of %s cannot change in a transaction that is %s: rows that were archived since it began would not follow; change it in one that is READ COMMITTED',
                TG_RELID::regclass, upper(current_setting('transaction_isolation')));
        END IF;
        -- Keys are not compared where that would convert them: then any archived row may refer to this row.
        IF reference.converts THEN
            reference.same := 'true';
        END IF;
        IF reference.condeferrable AND archive.require_trusted(reference.conrelid) THEN
            EXECUTE format('SELECT FROM %s AS t WHERE %s FOR KEY SHARE', reference.conrelid::regclass, reference.same) USING OLD;
        END IF;
        PERFORM archive.require_trusted(reference.archive_table), set_config('row_security', CASE WHEN archive.sees_every_row(reference.archive_table) THEN 'on' ELSE 'off' END, true);
        EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE %s)', reference.archive_table_name, reference.same) INTO found_one USING OLD;
        CONTINUE WHEN NOT found_one;
        IF reference.converts OR archive.runs_other_code(reference.archive_table) THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'archived rows of %s refer to this row of %s, and its key cannot change: a trigger on the archive table, its condition, a rule, a CHECK, an index or a conversion of its key belongs to another role than the schema archive, or may; restore the rows first, or change that',
                reference.archive_table_name, TG_RELID::regclass);
        END IF;
        -- Two archived rows could get the same key: the primary key of a partitioned archive table also contains the archival.
        IF reference.is_partitioned AND EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = reference.conrelid AND i.indisprimary
                                                                            AND i.indkey::int2[] && differing) THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'archived rows of %s refer to this row of %s, and its key cannot change: it is part of their own key, and their archive table is partitioned; restore those rows first',
                reference.archive_table_name, TG_RELID::regclass);
        END IF;
        -- The plan refuses such triggers too: if the update of a row is skipped or changed back, another row may get its key later.
        SELECT string_agg(quote_ident(g.tgname), ', ') INTO recorded FROM pg_trigger AS g
        WHERE g.tgrelid = reference.archive_table AND NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 19 = 19
          AND g.tgfoid IS DISTINCT FROM to_regproc('archive.tenancy_guard')::oid;
        IF recorded IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'archived rows of %s refer to this row of %s, and its key cannot change: the trigger %s may skip or change them: make it an AFTER trigger, or drop it',
                reference.archive_table_name, TG_RELID::regclass, recorded);
        END IF;
        recorded := archive.is_recorded(reference.conrelid, differing);
        IF recorded IS NOT NULL THEN
            PERFORM set_config('row_security', 'on', true);
            EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE %s AND (%s))', reference.archive_table_name, reference.same, recorded)
                INTO found_one USING OLD;
            PERFORM set_config('row_security', 'off', true);
            IF found_one THEN
                RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                    'archived rows of %s refer to this row of %s, and its key cannot change: it is part of their own key, which other archived rows, detached links, holds or their archival record; restore those rows first',
                    reference.archive_table_name, TG_RELID::regclass);
            END IF;
        END IF;
        EXECUTE format('UPDATE %s AS t SET %s WHERE %s', reference.archive_table_name, reference.assigned, reference.same) USING OLD, NEW;
    END LOOP;

    -- The owner sees the links and the holds of every tenant. Row-level security may hide archived rows from it, so it was off for those.
    PERFORM set_config('row_security', 'on', true);
    SELECT format('SELECT jsonb_build_array(%s)', string_agg(format('archive.exact_text(($1).%I)', a.attname), ', ' ORDER BY k.ord)) INTO recorded
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = changed AND i.indisprimary AND k.ord <= i.indnkeyatts;
    EXECUTE recorded INTO old_key USING OLD;
    EXECUTE recorded INTO new_key USING NEW;
    IF old_key <> new_key AND EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = changed AND l.child_key IN (old_key, new_key)) THEN
        of_tenant := archive.of_tenant(changed, '($4)');
        -- Two rows can swap their keys in one statement only where the key is deferrable. This row may be the first or the second.
        EXECUTE format('SELECT EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = $1 AND l.child_key = $3%s)', of_tenant)
            INTO found_one USING changed, old_key, new_key, OLD;
        IF found_one AND EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = changed AND c.contype = 'p' AND c.condeferrable)
        THEN
            RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
                'rows of %s with detached links exchange their keys, and their links could not be distinguished: give one of the rows a free key first',
                changed::regclass);
        END IF;
        EXECUTE format('UPDATE archive.detached_link AS l SET child_key = $3 WHERE l.child = $1 AND l.child_key = $2%s', of_tenant)
            USING changed, old_key, new_key, OLD;
    END IF;
    -- Race: a hold on the row is placed meanwhile. Either this waits for it, or it waits and does not find the row under its old key.
    IF old_key <> new_key THEN
        PERFORM archive.lock_holds();
        PERFORM archive.move_hold(changed, old_key, new_key);
    END IF;
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
        'the key of this row of %s cannot change: the owner of the schema archive may not see or change every archived row and detached link that refers to it (%s); give that role BYPASSRLS and rights on the archive tables',
        TG_RELID::regclass, SQLERRM);
END
$$;

-- Marks the detached links of rows that are deleted permanently, so that no later row with the same key gets them.
--
-- A move deletes rows too, and announces it in archive.moving. Any role can set that: it only prevents the marking of the links
-- of rows that the role itself deletes.
CREATE OR REPLACE FUNCTION archive.mark_deleted() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked   oid := coalesce((SELECT r.active::oid FROM archive.archived_table AS r WHERE r.archive_table = TG_RELID), TG_RELID);
    other    regclass; -- of a truncated table its archive table, of a truncated archive table its table
    recorded text;
BEGIN
    IF current_setting('archive.moving', true) LIKE pg_current_xact_id_if_assigned()::text || format(':%%,%s,%%', TG_RELID)
       OR NOT EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = marked AND NOT l.deleted)
       -- A guard that catches has put the rows into the archive table.
       OR EXISTS (SELECT FROM archive.guarded_table AS g WHERE g.relation::oid = TG_RELID AND g.catches) THEN
        RETURN NULL;
    END IF;
    SELECT format('jsonb_build_array(%s)', string_agg(format('archive.exact_text(r.%I)', a.attname), ', ' ORDER BY k.ord)) INTO recorded
    FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = marked AND i.indisprimary AND k.ord <= i.indnkeyatts;
    IF TG_OP = 'DELETE' THEN
        EXECUTE format('UPDATE archive.detached_link AS l SET deleted = true FROM deleted_rows AS r '
                       'WHERE l.child = %s AND l.child_key = %s AND NOT l.deleted%s', marked, recorded, archive.of_tenant(TG_RELID, 'r'));
    ELSE
        SELECT c.oid INTO other FROM archive.archived_table AS t
        JOIN pg_class AS c ON c.oid = CASE WHEN t.archive_table = TG_RELID THEN t.active ELSE t.archive_table END WHERE t.active = marked;
        IF other IS NOT NULL AND archive.require_trusted(other) AND row_security_active(other) THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format(
                'links were cut from rows of %s, and which of them are deleted by a TRUNCATE of %s is hidden from the owner of the schema archive by row-level security: delete the rows instead, or give that role BYPASSRLS',
                marked::regclass, TG_RELID::regclass);
        END IF;
        -- The truncated rows can no longer be read: these are the links of rows that are in neither table.
        EXECUTE format('UPDATE archive.detached_link AS l SET deleted = true WHERE l.child = %s AND NOT l.deleted%s', marked, CASE
            WHEN other IS NOT NULL THEN format(' AND NOT EXISTS (SELECT FROM %s AS r WHERE %s = l.child_key%s)',
                                               other, recorded, archive.of_tenant(other, 'r')) END);
    END IF;
    RETURN NULL;
END
$$;

-- Archive tables that are partitioned by the ids of archivals: their partitions, and the purge of all rows of a partition. Every
-- statement may run again.

-- Raises the error of a primary key: the archive table has a row with this key. The primary key of a partitioned archive table also
-- contains the id of the archival, so it does not refuse such a row itself.
CREATE OR REPLACE FUNCTION archive.stop_archived_key(relation regclass, key jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    SELECT n.nspname, c.relname, k.conname INTO found
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE c.oid = relation;
    RAISE EXCEPTION USING ERRCODE = 'unique_violation', SCHEMA = found.nspname, TABLE = found.relname, CONSTRAINT = found.conname,
        MESSAGE = format('another row of %s has the same key', relation),
        DETAIL = (SELECT format('Key (%s)=(%s) already exists.', string_agg(k.name, ', ' ORDER BY k.ord), string_agg(k.value, ', ' ORDER BY k.ord))
                  FROM jsonb_each_text(key) WITH ORDINALITY AS k(name, value, ord));
END
$$;

-- The partitions of archive tables, each with the archivals whose rows are in it: from `first` to before `until`. The default partition
-- is not among them. It locks none of them: with the oid of the partition, pg_get_expr() would wait for a purge that empties it.
CREATE OR REPLACE FUNCTION archive.archive_partitions() RETURNS TABLE (active oid, archive_table oid, partition oid, first bigint, until bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT r.active::oid, r.archive_table::oid, c.oid, b.bounds[1]::bigint, b.bounds[2]::bigint
        FROM archive.archived_table AS r
        JOIN pg_inherits AS i ON i.inhparent = r.archive_table AND NOT i.inhdetachpending
        JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition AND c.relkind = 'r'
        CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, 0), $re$^FOR VALUES FROM \('(\d+)'\) TO \('(\d+)'\)\Z$re$) AS b(bounds)
        WHERE b.bounds IS NOT NULL;
END
$$;

-- Creates the partitions that archive tables lack: for the archivals of now, and of the next `ahead` partitions. Returns how many. Drops
-- the empty partitions of earlier archivals, none of which is still archived. It runs as the owner, so a role that may call it needs no
-- other rights.
--
-- It locks with SHARE UPDATE EXCLUSIVE on the archive table, which stops neither reads nor writes, and ACCESS EXCLUSIVE on its default
-- partition until the transaction ends, which PostgreSQL needs to attach another one; to drop a partition, ACCESS EXCLUSIVE on the
-- archive table. While it waits for such a lock, others wait behind it, so it waits for two seconds and gives up.
--
-- Rows of archivals for which a partition was missing are in the default partition, and stay there: their partition is not created
-- later, and a purge deletes them.
--
-- Races: of two callers one waits for the other, and checks again which partitions are missing. No row is added to the default
-- partition between the check for rows and the end of the transaction, and none to a partition between the check that it is empty and its end.
CREATE OR REPLACE FUNCTION archive.make_archive_partitions(ahead integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    drawn   bigint := (SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END FROM archive.archival_id_seq AS s);
    created integer := 0;
    allowed boolean;
    held    record;
    missing bigint[];
    first   bigint;
    called  text;
    filled  boolean;
    other   text;
    gone    record;
BEGIN
    IF ahead BETWEEN 0 AND 100 IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('archive tables get 0 to 100 partitions ahead, not %s', ahead);
    END IF;
    FOR held IN
        SELECT r.archive_table::oid AS id, format('%I.%I', n.nspname, c.relname) AS name, n.nspname, c.relname, c.relowner,
               format('%I.%I', dn.nspname, d.relname) AS other_rows, r.archival_id_column, r.archivals_per_partition AS size
        FROM archive.archived_table AS r
        JOIN pg_class AS c ON c.oid = r.archive_table JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
        JOIN pg_class AS d ON d.oid = p.partdefid JOIN pg_namespace AS dn ON dn.oid = d.relnamespace
        WHERE r.archivals_per_partition IS NOT NULL ORDER BY c.oid
    LOOP
        allowed := archive.require_trusted(held.id);
        FOR locked IN 0 .. 1 LOOP
            missing := ARRAY(
                SELECT g.first FROM generate_series(drawn / held.size * held.size, (drawn / held.size + ahead) * held.size, held.size) AS g(first)
                WHERE NOT EXISTS (SELECT FROM archive.archive_partitions() AS p
                                  WHERE p.archive_table = held.id AND p.first < g.first + held.size AND p.until > g.first));
            EXIT WHEN missing = '{}';
            IF locked = 0 THEN
                EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', held.name);
                EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', held.other_rows);
            END IF;
        END LOOP;
        FOREACH first IN ARRAY missing LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s AS t WHERE t.%2$I >= %3$s AND t.%2$I < %4$s)',
                held.other_rows, held.archival_id_column, first, first + held.size) INTO filled;
            CONTINUE WHEN filled;
            called := format('%s_%s', held.relname, first);
            IF octet_length(called) > 63 OR to_regclass(format('%I.%I', held.nspname, called)) IS NOT NULL THEN
                called := format('archive_%s_%s', held.id, first);
            END IF;
            called := format('%I.%I', held.nspname, called);
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING CONSTRAINTS INCLUDING GENERATED)', called, held.name);
            EXECUTE format('ALTER TABLE %s OWNER TO %I', called, pg_get_userbyid(held.relowner));
            -- All access goes through the archive table, which has the grants and policies.
            FOR other IN
                SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
                FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl WHERE c.oid = to_regclass(called) AND acl.grantee <> c.relowner
            LOOP
                EXECUTE format('REVOKE ALL ON %s FROM %s', called, other);
            END LOOP;
            EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)', held.name, called, first, first + held.size);
            created := created + 1;
        END LOOP;
        FOR gone IN
            SELECT p.partition::regclass AS partition, p.first, p.until FROM archive.archive_partitions() AS p
            WHERE p.archive_table = held.id AND p.until <= drawn AND pg_relation_size(p.partition) = 0
              AND NOT EXISTS (SELECT FROM archive.archival AS a
                              WHERE a.id >= p.first AND a.id < p.until AND a.restored_at IS NULL AND a.purged_at IS NULL)
        LOOP
            BEGIN
                EXECUTE format('LOCK TABLE ONLY %s, ONLY %s IN ACCESS EXCLUSIVE MODE', held.name, gone.partition);
                IF pg_relation_size(gone.partition) = 0 THEN
                    EXECUTE format('DROP TABLE %s', gone.partition);
                END IF;
            EXCEPTION WHEN lock_not_available OR undefined_table OR dependent_objects_still_exist THEN
                -- The next call drops it.
                NULL;
            END;
        END LOOP;
    END LOOP;
    RETURN created;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = format(
        'no partitions of %1$s were created: another transaction holds a lock on it, or on its default partition, for more than 2 seconds; '
        'archives go on meanwhile: call archive.make_archive_partitions() again, in a short transaction', held.name);
END
$$;

-- Whether TRUNCATE of a partition deletes its rows as a DELETE would: no trigger fires for their deletion, no foreign key and no policy
-- depends on them, the role that calls may purge the table, and no subscriber misses it. A guard lets a purge pass. Links that may be cut from archived rows are
-- marked by a trigger of ours: archive.purge_range() looks for such links itself.
CREATE OR REPLACE FUNCTION archive.may_truncate(active oid, archive_table oid, partition oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN archive.may_move(archive.acting_role(), active, archive_table, true) AND has_table_privilege(partition, 'TRUNCATE')
       AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid IN (archive_table, partition) AND c.relrowsecurity)
       AND NOT EXISTS (SELECT FROM pg_trigger AS t
                       WHERE t.tgrelid IN (archive_table, partition) AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 40 <> 0
                         AND t.tgfoid NOT IN ('archive.mark_deleted()'::regprocedure, 'archive.guard_archived()'::regprocedure))
       AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND k.confrelid IN (archive_table, partition))
       AND NOT EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class IN (archive_table, partition))
       AND NOT EXISTS (SELECT FROM pg_publication AS p WHERE p.pubdelete AND (p.pubviaroot OR NOT p.pubtruncate));
END
$$;

-- Purges the archivals from `lower` to before `upper`, if all of them that are archived have expired, none is held, and their rows are exactly those of
-- the partitions for them, which it empties with TRUNCATE. Otherwise it changes nothing and returns NULL: archive.begin_expired() finds
-- these archivals one by one.
--
-- How many rows an archival has is in its record. Where a restore has given it rows of another archival, or taken some of its rows, they are
-- counted. What plain SQL added to an archival, or deleted, is not noticed.
--
-- Races: an archival that a restore or another purge has locked is left out, so nothing is purged here. The partitions are locked, not
-- their tables, so archives and restores of other archivals go on. A transaction that has added rows to one of them, by an archive whose id
-- lies in the range, ends before the lock is acquired. Everything is checked after that in queries with new snapshots: the archivals, their age, and that
-- each partition has rows of these archivals alone. A deadlock with a restore, which locks rows before the archival, ends here.
CREATE OR REPLACE FUNCTION archive.purge_range(lower bigint, upper bigint, by text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    ready     boolean;
    ids       bigint[];
    tables    oid[];
    held      record;
    part      record;
    locked    text;
    present   bigint[];
    uncounted bigint[];
    counted   jsonb;
    names     text[] := '{}';
    counts    jsonb[] := '{}';
    parts     jsonb := '[]';
    purged    bigint := 0;
    rows      jsonb := '{}';
BEGIN
    ready := archive.lock_retention() AND archive.lock_holds();
    ids := ARRAY(
        SELECT a.id FROM archive.archival AS a
        WHERE a.id >= lower AND a.id < upper AND a.restored_at IS NULL AND a.purged_at IS NULL ORDER BY a.id FOR UPDATE SKIP LOCKED);
    tables := archive.tables_of(ids);
    SELECT string_agg(format('ONLY %s', p.partition::regclass), ', ' ORDER BY p.partition) INTO locked
    FROM archive.archive_partitions() AS p
    WHERE p.active = ANY (tables) AND p.first = lower AND p.until = upper
    HAVING bool_and(archive.may_truncate(p.active, p.archive_table, p.partition));
    IF locked IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR023';
    END IF;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', locked);
    -- The names are those of the locked tables, which nobody renames or detaches now.
    IF locked IS DISTINCT FROM (SELECT string_agg(format('ONLY %s', p.partition::regclass), ', ' ORDER BY p.partition)
                                FROM archive.archive_partitions() AS p WHERE p.active = ANY (tables) AND p.first = lower AND p.until = upper
                                HAVING bool_and(archive.may_truncate(p.active, p.archive_table, p.partition)))
       OR EXISTS (SELECT FROM archive.detached_link AS l WHERE l.child = ANY (tables) AND NOT l.deleted)
       OR archive.tables_of(ids) <> tables OR archive.purgeable(ids, true) <> ids
       OR EXISTS (SELECT FROM unnest(tables) AS t(id) WHERE archive.renamed_archival_id(t.id) IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'AR023';
    END IF;
    FOR part IN
        SELECT r.name AS policy, array_agg(a.id ORDER BY a.id) AS ids
        FROM archive.archival AS a
        LEFT JOIN LATERAL archive.retention_rule('rows', a.tables[1]::oid, a.tenant, a.metadata) AS r
            ON archive.expires_at(a.archived_at, r.days) <= now() AND archive.acts_for(a.tenant)
            AND (a.part_of IS NULL OR archive.source_expired(a.part_of)) AND ('purge' = ANY (a.hooks)) IS NOT TRUE
        WHERE a.id >= lower AND a.id < upper AND a.restored_at IS NULL AND a.purged_at IS NULL
        GROUP BY r.name ORDER BY min(a.archived_at)
    LOOP
        purged := purged + cardinality(part.ids);
        parts := parts || jsonb_build_object('policy', part.policy, 'ids', part.ids);
        IF part.policy IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'AR023';
        END IF;
    END LOOP;
    IF purged <> cardinality(ids) THEN
        RAISE EXCEPTION USING ERRCODE = 'AR023';
    END IF;
    FOR held IN
        SELECT p.partition::regclass AS partition, r.archival_id_column, concat(n.nspname, '.', c.relname) AS name,
               archive.require_trusted(p.partition) AS is_trusted
        FROM archive.archive_partitions() AS p JOIN archive.archived_table AS r ON r.active = p.active
        JOIN pg_class AS c ON c.oid = p.active JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE p.active = ANY (tables) AND p.first = lower AND p.until = upper
    LOOP
        -- One look into the index for each archival.
        EXECUTE format(
            'WITH RECURSIVE present AS (SELECT min(t.%1$I) AS id FROM %2$s AS t '
            'UNION ALL SELECT (SELECT min(t.%1$I) FROM %2$s AS t WHERE t.%1$I > p.id) FROM present AS p WHERE p.id IS NOT NULL) '
            'SELECT array_agg(p.id) FILTER (WHERE p.id IS NOT NULL) FROM present AS p', held.archival_id_column, held.partition) INTO present;
        IF EXISTS (SELECT p.id FROM unnest(present) AS p(id) EXCEPT SELECT i.id FROM unnest(ids) AS i(id)) THEN
            RAISE EXCEPTION USING ERRCODE = 'AR023';
        END IF;
        SELECT array_agg(a.id) FILTER (WHERE a.counts_differ OR a.row_counts->held.name IS NULL),
               coalesce(jsonb_object_agg(a.id, a.row_counts->held.name) FILTER (WHERE NOT a.counts_differ AND a.row_counts->held.name IS NOT NULL), '{}')
        INTO uncounted, counted FROM archive.archival AS a WHERE a.id = ANY (present);
        counts := array_append(counts, counted);
        names := array_append(names, held.name);
        IF uncounted IS NOT NULL THEN
            EXECUTE format('SELECT jsonb_object_agg(c.id, c.rows) FROM (SELECT t.%1$I AS id, count(*) AS rows FROM %2$s AS t '
                           'WHERE t.%1$I = ANY ($1) GROUP BY t.%1$I) AS c', held.archival_id_column, held.partition) INTO counted USING uncounted;
            counts[cardinality(counts)] := counts[cardinality(counts)] || counted;
        END IF;
        rows := rows || jsonb_build_object(held.name, (SELECT coalesce(sum(c.rows::bigint), 0) FROM jsonb_each_text(counts[cardinality(counts)]) AS c(id, rows)));
    END LOOP;
    EXECUTE format('TRUNCATE TABLE %s', locked);
    FOR part IN SELECT p.policy, ARRAY(SELECT i::bigint FROM jsonb_array_elements_text(p.ids) AS i) AS ids FROM jsonb_to_recordset(parts) AS p(policy text, ids jsonb) LOOP
        PERFORM archive.finish_purge(part.ids, names, counts, coalesce(by, archive.current_actor()), part.policy);
    END LOOP;
    RETURN jsonb_build_object('archivals', purged, 'rows', rows);
EXCEPTION WHEN SQLSTATE 'AR023' OR SQLSTATE 'AR005' OR SQLSTATE 'AR021' OR lock_not_available OR deadlock_detected OR object_in_use
    OR feature_not_supported OR data_exception THEN
    -- AR005: archive.finish_purge() has found rows in a table without such a partition. The TRUNCATE is undone, and the locks are released.
    RETURN NULL;
END
$$;

-- Purges one whole partition of archivals that have expired, the oldest that can be, with one TRUNCATE. Returns how many archivals and rows as
-- archive.purge_parts() does; NULL where there is none.
--
-- The latest archival that is still archived shows quickly that most partitions have not expired, or that a table of the tree has no such
-- partition; archive.purge_range() checks the others.
CREATE OR REPLACE FUNCTION archive.purge_expired_range(by text) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    range  record;
    purged jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM archive.archived_table AS r JOIN pg_class AS c ON c.oid = r.archive_table AND c.relkind = 'p')
       OR NOT archive.lock_retention() THEN
        RETURN NULL;
    END IF;
    FOR range IN
        SELECT DISTINCT p.first, p.until FROM archive.archive_partitions() AS p ORDER BY p.first, p.until
    LOOP
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM (SELECT a.* FROM archive.archival AS a
                         WHERE a.id >= range.first AND a.id < range.until AND a.restored_at IS NULL AND a.purged_at IS NULL
                         ORDER BY a.id DESC LIMIT 1) AS a
            CROSS JOIN LATERAL archive.retention_rule('rows', a.tables[1]::oid, a.tenant, a.metadata) AS r
            WHERE archive.expires_at(a.archived_at, r.days) <= now()
              AND NOT EXISTS (SELECT FROM unnest(a.tables) AS t(active) JOIN pg_class AS c ON c.oid = t.active JOIN pg_namespace AS n ON n.oid = c.relnamespace
                              WHERE a.row_counts->concat(n.nspname, '.', c.relname) <> '0'
                                AND NOT EXISTS (SELECT FROM archive.archive_partitions() AS p
                                                WHERE p.active = c.oid AND p.first = range.first AND p.until = range.until)));
        purged := archive.purge_range(range.first, range.until, by);
        EXIT WHEN purged IS NOT NULL;
    END LOOP;
    RETURN purged;
END
$$;

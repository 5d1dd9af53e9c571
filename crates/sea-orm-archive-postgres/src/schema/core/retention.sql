-- Retention: how long archived rows, the records of archivals and the audit log stay. The rules are in archive.retention, where
-- manager.retain() and the like write them. The versions of histories are in versions.sql. Every statement may run again.

-- The archivals with rows of a root table, by age. Rows that are restored or purged have no entry.
CREATE INDEX IF NOT EXISTS archival_root_archived_at_idx ON archive.archival ((tables[1]::oid), archived_at)
    WHERE restored_at IS NULL AND purged_at IS NULL;

-- The rule that holds for an archival: a rule with metadata before one with a tenant before the default of the table. Of several that
-- are equally specific the longest holds, so that nothing is purged early.
--
-- Without SET search_path, so that the planner inlines it: everything is qualified.
CREATE OR REPLACE FUNCTION archive.retention_rule(subject text, root oid, tenant text, metadata jsonb) RETURNS SETOF archive.retention
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT r.* FROM archive.retention AS r
    WHERE r.subject OPERATOR(pg_catalog.=) retention_rule.subject
      AND (r.root IS NULL OR r.root::pg_catalog.oid OPERATOR(pg_catalog.=) retention_rule.root)
      AND (r.tenant IS NULL OR r.tenant OPERATOR(pg_catalog.=) retention_rule.tenant)
      AND (r.metadata IS NULL OR retention_rule.metadata OPERATOR(pg_catalog.@>) r.metadata)
    ORDER BY r.metadata IS NULL, r.tenant IS NULL, r.days DESC NULLS FIRST, r.id LIMIT 1
$$;

-- When something is old enough for a rule. A day has 24 hours in every time zone. NULL, which is later than every time, where it
-- stays for ever.
CREATE OR REPLACE FUNCTION archive.expires_at(since timestamptz, days integer) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN since OPERATOR(pg_catalog.+) (days OPERATOR(pg_catalog.*) interval '24 hours');

CREATE INDEX IF NOT EXISTS archival_part_of_idx ON archive.archival (part_of) WHERE part_of IS NOT NULL;

-- Whether the rules let everything expire that the rows of a part were taken from: what leaves an archival stays no shorter than it
-- would have stayed in it. False where one of those archivals has no rule, and where its record is missing.
CREATE OR REPLACE FUNCTION archive.source_expired(source bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        WITH RECURSIVE taken_from AS (
            SELECT a.id, a.part_of, a.tables, a.tenant, a.metadata, a.archived_at FROM archive.archival AS a WHERE a.id = source
            UNION
            SELECT a.id, a.part_of, a.tables, a.tenant, a.metadata, a.archived_at
            FROM taken_from AS t JOIN archive.archival AS a ON a.id = t.part_of
        )
        SELECT coalesce(bool_and(coalesce(archive.expires_at(t.archived_at, r.days) <= now(), false)) AND bool_or(t.part_of IS NULL), false)
        FROM taken_from AS t LEFT JOIN LATERAL archive.retention_rule('rows', t.tables[1]::oid, t.tenant, t.metadata) AS r ON true);
END
$$;

-- The tables of archivals that the acting role may not purge: it lacks the rights on them, a hold of all tenants is on them, or they were
-- dropped while their archive tables were not, so the table of those rows is unknown.
CREATE OR REPLACE FUNCTION archive.unpurgeable_tables() RETURNS TABLE (id oid, name text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.active::oid, concat(n.nspname, '.', c.relname)
    FROM archive.archived_table AS r
    LEFT JOIN pg_class AS a ON a.oid = r.active
    JOIN pg_class AS c ON c.oid = CASE WHEN a.oid IS NULL THEN r.archive_table::oid ELSE a.oid END
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE a.oid IS NULL OR NOT archive.may_move(archive.acting_role(), r.active, r.archive_table, true)
       OR EXISTS (SELECT FROM archive.hold_in_force AS h WHERE h.relation::oid = r.active::oid AND h.held_key IS NULL AND h.tenant IS NULL)
$$;

-- The oldest archivals of a root table that the rules let expire and that the session acts for: `most` of them, or all where that is
-- NULL, without those in `left_out` and those with rows of one of the tables `unpurgeable`. `shortest` is the shortest rule of the table:
-- an index finds the archivals that are at least as old.
CREATE OR REPLACE FUNCTION archive.expired_of(root oid, shortest integer, unpurgeable oid[], left_out bigint[], most integer)
RETURNS TABLE (id bigint, archived_at timestamptz, policy text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
        SELECT a.id, a.archived_at, r.name
        FROM archive.archival AS a
        CROSS JOIN LATERAL archive.retention_rule('rows', a.tables[1]::oid, a.tenant, a.metadata) AS r
        WHERE a.tables[1]::oid = expired_of.root AND a.restored_at IS NULL AND a.purged_at IS NULL
          AND a.archived_at <= now() - shortest * interval '24 hours' AND archive.expires_at(a.archived_at, r.days) <= now()
          AND a.id <> ALL (left_out) AND NOT a.tables::oid[] && unpurgeable AND archive.acts_for(a.tenant)
          AND (a.part_of IS NULL OR archive.source_expired(a.part_of))
          AND (a.holds = 0 OR NOT EXISTS (SELECT FROM archive.holds_on_archivals(ARRAY[a.id]))) AND ('purge' = ANY (a.hooks)) IS NOT TRUE
        ORDER BY a.archived_at, a.id LIMIT most;
END
$$;

-- The root tables with a rule that lets archivals expire, and the shortest one of each.
CREATE OR REPLACE FUNCTION archive.retained_tables() RETURNS TABLE (root oid, shortest integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.root::oid, min(t.days)
    FROM archive.retention AS t JOIN pg_class AS c ON c.oid = t.root JOIN archive.archived_table AS r ON r.active = t.root
    WHERE t.subject = 'rows' AND t.days IS NOT NULL GROUP BY t.root
$$;

-- Locks the rules against changes until the transaction ends. Raises above READ COMMITTED, where the snapshot of the transaction may be
-- older than the last change of a rule.
--
-- Race: a rule becomes longer while rows expire by it. The migration waits for the purge, or the purge waits and reads the new rule:
-- after manager.retain() has returned, nothing is purged by the rule that it replaced.
CREATE OR REPLACE FUNCTION archive.lock_retention() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION USING ERRCODE = 'AR020', MESSAGE = format(
            'expired rows are purged at READ COMMITTED, and this transaction is %s: its snapshot may be older than the last change of a '
            'retention rule; begin it with BEGIN ISOLATION LEVEL READ COMMITTED', upper(current_setting('transaction_isolation')));
    END IF;
    LOCK TABLE archive.retention IN SHARE MODE;
    RETURN archive.require_session();
END
$$;

-- Locks the oldest archivals that have expired, `most` of them, and returns what archive.purge_parts() needs.
--
-- Older archivals come first. A row that refers to a row of another archival was archived before it, so under one rule children are
-- purged before their parents.
--
-- Races: a restore, or another purge, has locked an archival: it is left out, and is found again by the next call if it is still
-- archived. Archivals with rows of a table that the role may not purge are left out, too: one of them would keep all others from being
-- purged. Whether the others have expired is decided again after they are locked, in a query with a new snapshot: a change of a
-- record which committed before is not overlooked.
CREATE OR REPLACE FUNCTION archive.begin_expired(most integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unpurgeable oid[] := ARRAY(SELECT t.id FROM archive.unpurgeable_tables() AS t);
    found       bigint[];
    locked      bigint[];
    left_out    bigint[] := '{}';
    parts       jsonb := '[]';
    part        record;
BEGIN
    IF archive.lock_retention() AND archive.lock_holds() AND most >= 1 IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a batch has at least one archival';
    END IF;
    LOOP
        found := ARRAY(
            SELECT e.id FROM archive.retained_tables() AS t
            CROSS JOIN LATERAL archive.expired_of(t.root, t.shortest, unpurgeable, left_out, most) AS e
            ORDER BY e.archived_at, e.id LIMIT most);
        EXIT WHEN cardinality(found) = 0;
        locked := ARRAY(
            SELECT a.id FROM archive.archival AS a
            WHERE a.id = ANY (found) AND a.restored_at IS NULL AND a.purged_at IS NULL AND archive.acts_for(a.tenant)
            ORDER BY a.id FOR UPDATE SKIP LOCKED);
        locked := archive.purgeable(locked, true);
        FOR part IN
            SELECT r.name AS policy, array_agg(a.id) AS ids
            FROM archive.archival AS a
            CROSS JOIN LATERAL archive.retention_rule('rows', a.tables[1]::oid, a.tenant, a.metadata) AS r
            WHERE a.id = ANY (locked) AND archive.expires_at(a.archived_at, r.days) <= now() AND NOT a.tables::oid[] && unpurgeable
              AND (a.part_of IS NULL OR archive.source_expired(a.part_of))
            GROUP BY r.name ORDER BY min(a.archived_at)
        LOOP
            parts := parts || archive.parts_of_purge(part.ids, part.policy);
        END LOOP;
        EXIT WHEN parts <> '[]';
        left_out := left_out || found;
    END LOOP;
    RETURN parts;
END
$$;

-- Deletes the records of `most` archivals that were restored or purged so long ago that the rules let them expire, with the links that
-- those restores did not put back. Returns how many. Records of archivals with rows of a held table stay, and records of archivals of which a part is still archived stay: the part expires by
-- their rules.
--
-- Races: two such calls skip the records of each other. Whether the others have expired is decided again after they are locked, in a
-- query with a new snapshot: somebody may have given one the metadata of a longer rule.
CREATE OR REPLACE FUNCTION archive.delete_expired_records(most integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[];
BEGIN
    IF NOT (archive.lock_retention() AND archive.lock_holds()) OR NOT EXISTS (SELECT FROM archive.retention AS r WHERE r.subject = 'records') THEN
        RETURN 0;
    END IF;
    ids := ARRAY(
        SELECT a.id FROM archive.archival AS a
        CROSS JOIN LATERAL archive.retention_rule('records', NULL, a.tenant, a.metadata) AS r
        WHERE archive.expires_at(coalesce(a.purged_at, a.restored_at), r.days) <= now() AND archive.acts_for(a.tenant)
          AND NOT EXISTS (SELECT FROM archive.archival AS p WHERE p.part_of = a.id AND p.restored_at IS NULL AND p.purged_at IS NULL)
          AND NOT EXISTS (SELECT FROM archive.hold_in_force AS h WHERE h.relation::oid = ANY (a.tables::oid[]))
        ORDER BY a.id LIMIT most FOR UPDATE OF a SKIP LOCKED);
    ids := ARRAY(
        SELECT a.id FROM archive.archival AS a
        CROSS JOIN LATERAL archive.retention_rule('records', NULL, a.tenant, a.metadata) AS r
        WHERE a.id = ANY (ids) AND archive.expires_at(coalesce(a.purged_at, a.restored_at), r.days) <= now());
    DELETE FROM archive.detached_link AS l WHERE l.archival_id = ANY (ids);
    DELETE FROM archive.archival AS a WHERE a.id = ANY (ids);
    RETURN cardinality(ids);
END
$$;

-- What has a retention rule and is not purged by the acting role: tables of roots on which it lacks the rights or whose entity has hooks of a purge, histories, the audit log, and, with
-- `below`, the other tables in archive.unpurgeable_tables() of which archivals that are old enough have rows.
CREATE OR REPLACE FUNCTION archive.not_allowed_to_purge(below boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(n.name ORDER BY n.name), '[]')
        FROM (SELECT u.name FROM archive.unpurgeable_tables() AS u
              WHERE EXISTS (SELECT FROM archive.retained_tables() AS t
                            WHERE t.root = u.id OR below AND EXISTS (
                                SELECT FROM archive.archival AS a
                                WHERE a.tables[1]::oid = t.root AND a.restored_at IS NULL AND a.purged_at IS NULL
                                  AND a.archived_at <= now() - t.shortest * interval '24 hours' AND u.id = ANY (a.tables::oid[])
                                  AND archive.acts_for(a.tenant)))
              UNION ALL
              SELECT v.name FROM archive.retained_histories() AS v WHERE NOT v.allowed
              UNION ALL
              SELECT DISTINCT h.root_table FROM archive.retained_tables() AS t JOIN archive.archival AS h ON h.tables[1]::oid = t.root
              WHERE h.restored_at IS NULL AND h.purged_at IS NULL AND h.archived_at <= now() - t.shortest * interval '24 hours'
                AND 'purge' = ANY (h.hooks) AND archive.acts_for(h.tenant)
              UNION ALL
              SELECT 'archive.event' FROM archive.retention AS r WHERE r.subject = 'events' AND r.days IS NOT NULL AND NOT archive.acts_for('')
              UNION ALL
              SELECT 'archive.audit_entry' FROM archive.retention AS r
              WHERE r.subject = 'audit' AND r.days IS NOT NULL
                AND (NOT has_function_privilege(archive.acting_role(), to_regprocedure('archive.drop_expired_audit()'), 'EXECUTE')
                     OR EXISTS (SELECT FROM archive.hold_in_force))) AS n);
END
$$;

-- Purges the oldest archivals that the retention rules let expire, `most` of them, in the transaction of the caller. Returns how many
-- archivals and how many rows of which table were purged, and whether there may be more:
--
--     {"archivals": 2, "rows": {"public.posts": 2}, "versions": 0, "records": 0, "events": 0, "audit_before": null, "more": true, "not_allowed": []}
--
-- Where no archival is left, it deletes expired versions of histories, then records of archivals, then events, and then months of the audit log.
CREATE OR REPLACE FUNCTION archive.purge_expired(most integer DEFAULT 1000, by text DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    purged   pg_catalog.jsonb := coalesce(archive.purge_expired_range(by), archive.purge_parts(archive.begin_expired(most), by) OPERATOR(pg_catalog.-) 'archival');
    versions pg_catalog.int8 := 0;
    records  pg_catalog.int8 := 0;
    events   pg_catalog.int8 := 0;
    month    pg_catalog.timestamptz;
    more     boolean;
BEGIN
    IF purged OPERATOR(pg_catalog.->>) 'archivals' OPERATOR(pg_catalog.=) '0' THEN
        versions := archive.purge_expired_versions(most, by);
        records := CASE WHEN versions OPERATOR(pg_catalog.=) 0 THEN archive.delete_expired_records(most) ELSE 0 END;
        events := CASE WHEN versions OPERATOR(pg_catalog.+) records OPERATOR(pg_catalog.=) 0 THEN archive.delete_expired_events(most) ELSE 0 END;
        IF versions OPERATOR(pg_catalog.+) records OPERATOR(pg_catalog.+) events OPERATOR(pg_catalog.=) 0
           AND pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('archive.drop_expired_audit()'), 'EXECUTE') THEN
            EXECUTE 'SELECT archive.drop_expired_audit()' INTO month;
        END IF;
    END IF;
    more := month IS NOT NULL OR versions OPERATOR(pg_catalog.+) records OPERATOR(pg_catalog.+) events OPERATOR(pg_catalog.>) 0
        OR purged OPERATOR(pg_catalog.->>) 'archivals' OPERATOR(pg_catalog.<>) '0';
    RETURN purged OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('versions', versions, 'records', records, 'events', events, 'audit_before', month, 'more', more,
        'not_allowed', archive.not_allowed_to_purge(NOT more));
END
$$;

-- Purges everything that has expired, in batches, each in a transaction of its own: `CALL archive.purge_all_expired(500)`. Where it is
-- interrupted, the next call goes on. It is called outside of a transaction.
CREATE OR REPLACE PROCEDURE archive.purge_all_expired(batch integer DEFAULT 1000)
LANGUAGE plpgsql AS $$
DECLARE
    purged pg_catalog.jsonb;
BEGIN
    LOOP
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        purged := archive.purge_expired(batch);
        EXIT WHEN purged OPERATOR(pg_catalog.->>) 'more' OPERATOR(pg_catalog.=) 'false';
    END LOOP;
END
$$;

-- The lines of archive.preview_expired() without versions: for each rule and table of roots how many archivals, and when the oldest was
-- archived; for the archival table and the log how many records and entries.
CREATE OR REPLACE FUNCTION archive.preview_expired_archivals() RETURNS TABLE (policy text, table_name text, expired bigint, oldest timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unpurgeable oid[] := ARRAY(SELECT u.id FROM archive.unpurgeable_tables() AS u);
    held        bigint[] := '{}';
BEGIN
    IF EXISTS (SELECT FROM archive.hold_in_force) THEN
        held := ARRAY(SELECT o.archival FROM archive.holds_of(ARRAY(
            SELECT e.id FROM archive.retained_tables() AS t
            CROSS JOIN LATERAL archive.expired_of(t.root, t.shortest, unpurgeable, '{}', NULL) AS e)) AS o);
    END IF;
    RETURN QUERY
        SELECT e.policy, concat(s.nspname, '.', c.relname), count(*), min(e.archived_at)
        FROM archive.retained_tables() AS t
        CROSS JOIN LATERAL archive.expired_of(t.root, t.shortest, unpurgeable, held, NULL) AS e
        JOIN pg_class AS c ON c.oid = t.root JOIN pg_namespace AS s ON s.oid = c.relnamespace
        GROUP BY 1, 2 ORDER BY 2, 1;
    RETURN QUERY
        SELECT r.name, 'archive.archival', count(*), min(coalesce(a.purged_at, a.restored_at))
        FROM archive.archival AS a CROSS JOIN LATERAL archive.retention_rule('records', NULL, a.tenant, a.metadata) AS r
        WHERE archive.expires_at(coalesce(a.purged_at, a.restored_at), r.days) <= now() AND archive.acts_for(a.tenant)
          AND NOT EXISTS (SELECT FROM archive.archival AS p WHERE p.part_of = a.id AND p.restored_at IS NULL AND p.purged_at IS NULL)
          AND NOT EXISTS (SELECT FROM archive.hold_in_force AS h WHERE h.relation::oid = ANY (a.tables::oid[]))
        GROUP BY 1 ORDER BY 1;
    RETURN QUERY SELECT e.policy, 'archive.event', e.expired, e.oldest FROM archive.expired_events(NULL) AS e;
    IF has_function_privilege(archive.acting_role(), to_regprocedure('archive.drop_expired_audit()'), 'EXECUTE') THEN
        RETURN QUERY EXECUTE 'SELECT e.policy, ''archive.audit_entry'', e.entries, e.oldest FROM archive.expired_audit() AS e WHERE e.entries > 0';
    END IF;
END
$$;

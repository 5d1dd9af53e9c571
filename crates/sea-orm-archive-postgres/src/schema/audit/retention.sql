-- How the log is cut at its old end. Every statement may run again.

-- The partitions of the log that end at or before a time, the oldest first. Their names do not count: a partition of several months
-- may have the name of the first one.
CREATE OR REPLACE FUNCTION archive.audit_partitions_before(until timestamptz) RETURNS SETOF regclass
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT c.oid::regclass
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM ' TO \(''([^'']+)''\)$')::timestamptz AS ends) AS b
    WHERE i.inhparent = 'archive.audit_entry'::regclass AND NOT i.inhdetachpending AND b.ends <= until
      -- Also where the snapshot of the transaction is older than a DETACH.
      AND pg_partition_root(c.oid) = 'archive.audit_entry'::regclass
    ORDER BY b.ends
$$;

-- Unless a hold is in force, drops the partitions of all months before the one of `until`, and deletes their entries from the default partition, and the details of
-- requests to which no entry of the next month refers. Rows as of an earlier time can no longer be read. It runs with the rights of
-- the caller, who owns the log.
--
-- Race: a partition is detached, to be stored elsewhere. The partitions are listed after the lock on the log, for which a DETACH
-- waits or is waited for.
CREATE OR REPLACE FUNCTION archive.drop_audit_before(until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month  timestamptz := date_trunc('month', until);
    called regclass;
    forced regclass[];
BEGIN
    PERFORM archive.require_no_hold(NULL, 'no month of the audit log was dropped, which may tell of something that must stay');
    LOCK TABLE ONLY archive.audit_entry IN ACCESS EXCLUSIVE MODE;
    FOR called IN SELECT p FROM archive.audit_partitions_before(month) AS p LOOP
        EXECUTE format('DROP TABLE %s', called);
    END LOOP;
    -- Under tenancy policies hide rows even from the owner. The locks of these statements keep other sessions from reading meanwhile.
    forced := ARRAY(SELECT c.oid FROM pg_class AS c WHERE c.relforcerowsecurity AND c.oid IN (
        'archive.audit_entry'::regclass, 'archive.audit_entry_default'::regclass, 'archive.audit_details'::regclass));
    FOREACH called IN ARRAY forced LOOP
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', called);
    END LOOP;
    DELETE FROM archive.audit_entry_default WHERE at < month;
    -- A transaction may have begun before the month, and have entries in it.
    DELETE FROM archive.audit_details AS d
    WHERE d.at < month AND NOT EXISTS (SELECT FROM archive.audit_entry AS e
                                       WHERE e.details_id = d.id AND e.at >= month AND e.at < month + interval '1 month');
    UPDATE archive.audited_table SET audited_since = month WHERE audited_since < month;
    FOREACH called IN ARRAY forced LOOP
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', called);
    END LOOP;
END
$$;

-- The start of the first month of the log that its rule lets stay; NULL without a rule.
CREATE OR REPLACE FUNCTION archive.first_audit_month() RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
RETURN (SELECT date_trunc('month', now() - r.days * interval '24 hours') FROM archive.retention AS r
        WHERE r.subject = 'audit' AND r.days IS NOT NULL);

-- How many entries of the log its rule lets expire, and when the oldest was written. Where row-level security hides entries from the
-- owner of the log, an estimate of PostgreSQL, and the time when the oldest partition begins.
CREATE OR REPLACE FUNCTION archive.expired_audit() RETURNS TABLE (policy text, entries bigint, oldest timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month      timestamptz := archive.first_audit_month();
    partitions oid[] := ARRAY(SELECT p::oid FROM archive.audit_partitions_before(month) AS p);
BEGIN
    IF EXISTS (SELECT FROM archive.hold_in_force) THEN
        RETURN;
    ELSIF row_security_active('archive.audit_entry'::regclass) THEN
        RETURN QUERY
            SELECT r.name, sum(CASE WHEN c.reltuples < 0 THEN ceil(pg_relation_size(c.oid) / 200.0) ELSE c.reltuples END)::bigint,
                   min(substring(pg_get_expr(c.relpartbound, c.oid) FROM ' FROM \(''([^'']+)''\)')::timestamptz)
            FROM archive.retention AS r CROSS JOIN pg_class AS c
            WHERE r.subject = 'audit' AND c.oid = ANY (partitions) GROUP BY r.name;
    ELSE
        RETURN QUERY
            SELECT r.name, count(*), min(e.at) FROM archive.retention AS r CROSS JOIN archive.audit_entry AS e
            WHERE r.subject = 'audit' AND e.at < month AND e.tableoid = ANY (partitions || 'archive.audit_entry_default'::regclass::oid)
            GROUP BY r.name;
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION archive.expired_audit() FROM PUBLIC;

-- Drops the months of the log that ended so long ago that its rule lets them expire, unless a hold is in force. Returns the start of the first month that stays;
-- NULL where no older one had entries or a partition. It runs as the owner: a role that may call it needs no other rights.
--
-- To drop a partition PostgreSQL locks the whole log: reads and writes of audited tables wait until the transaction ends. While it
-- waits for that lock, others wait behind it, so it waits for two seconds and gives up.
--
-- Race: the rule is locked. Entries are not added to earlier months, except by a clock that is set back.
CREATE OR REPLACE FUNCTION archive.drop_expired_audit() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET row_security = off SET lock_timeout = '2s' AS $$
DECLARE
    month timestamptz;
BEGIN
    IF archive.lock_retention() AND archive.lock_holds() AND NOT EXISTS (SELECT FROM archive.hold_in_force) THEN
        month := archive.first_audit_month();
    END IF;
    IF month IS NULL OR NOT EXISTS (SELECT FROM archive.audit_partitions_before(month))
       AND NOT EXISTS (SELECT FROM archive.audited_table AS t WHERE t.audited_since < month) THEN
        RETURN NULL;
    END IF;
    PERFORM archive.drop_audit_before(month);
    RETURN month;
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE =
        'no month of archive.audit_entry was dropped: another transaction reads or maintains the log for more than 2 seconds; '
        'what was purged before stays purged: purge again, in a short transaction';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.drop_expired_audit() FROM PUBLIC;

-- How the log is cut at its old end. Every statement may run again.

-- Drops the partitions of all months before the one of `until`, and deletes their entries from the default partition, and the details of
-- requests to which no entry of the next month refers. Rows as of an earlier time can no longer be read. It runs with the rights of
-- the caller, who owns the log.
CREATE OR REPLACE FUNCTION archive.drop_audit_before(until timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month  timestamptz := date_trunc('month', until);
    called regclass;
    forced regclass[];
BEGIN
    FOR called IN
        SELECT c.oid FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'archive.audit_entry'::regclass AND c.relname ~ '^audit_entry_[0-9]{4}_[0-9]{2}$'
          AND to_date(right(c.relname::text, 7), 'YYYY_MM') < month
        ORDER BY c.relname
    LOOP
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

-- The rule of the log: the start of the first month that stays, and how many entries are older.
CREATE OR REPLACE FUNCTION archive.expired_audit() RETURNS TABLE (policy text, month timestamptz, entries bigint, oldest timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
BEGIN
    RETURN QUERY
        SELECT r.name, m.month, (SELECT count(*) FROM archive.audit_entry AS e WHERE e.at < m.month),
               (SELECT min(e.at) FROM archive.audit_entry AS e WHERE e.at < m.month)
        FROM archive.retention AS r
        CROSS JOIN LATERAL (SELECT date_trunc('month', now() - r.days * interval '24 hours') AS month) AS m
        WHERE r.subject = 'audit' AND r.days IS NOT NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION archive.expired_audit() FROM PUBLIC;

-- Drops the months of the log that ended so long ago that its rule lets them expire. Returns the start of the first month that stays;
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
    IF archive.lock_retention() THEN
        month := (SELECT date_trunc('month', now() - r.days * interval '24 hours') FROM archive.retention AS r
                  WHERE r.subject = 'audit' AND r.days IS NOT NULL);
    END IF;
    IF month IS NULL OR NOT EXISTS (
           SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'archive.audit_entry'::regclass AND c.relname ~ '^audit_entry_[0-9]{4}_[0-9]{2}$'
             AND to_date(right(c.relname::text, 7), 'YYYY_MM') < month)
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

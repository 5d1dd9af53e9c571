-- The guard: the register of guarded tables, the rows that were caught in a transaction, and the functions of both. Every statement
-- may run again.

-- Which tables are guarded. A table that is not catching refuses.
CREATE TABLE IF NOT EXISTS archive.guarded_table (
    id         integer  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation   regclass NOT NULL UNIQUE,
    catches    boolean  NOT NULL, -- rows that are deleted past the archive are put into the archive table
    shape      text,              -- the columns that the trigger function was written for
    links      text               -- of a catching one: the foreign keys to other catching tables
);

-- The rows that were caught in a transaction whose archival records are not written yet: how many rows of which table are in which
-- archival. No row of it is ever committed.
--
-- The archival of a caught row is that of a parent that was caught before, or a new one, of which the row is the root.
CREATE TABLE IF NOT EXISTS archive.caught (
    id             bigint  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint  NOT NULL,
    is_first       boolean NOT NULL, -- of the transaction
    guard          integer NOT NULL, -- archive.guarded_table
    archival_id    bigint  NOT NULL,
    rows           bigint  NOT NULL,
    tenant         text,
    key            jsonb,            -- of the root; NULL where its root is a row of another call
    at             timestamptz NOT NULL,
    actor          text,
    reason         text    NOT NULL,
    parent         bigint,           -- the archival of the parent of the root, where that was caught later, or by the same call
    target         bigint            -- the archival that these rows are in at the end; NULL where it is the first one
);
-- PostgreSQL has no statistics of these rows, so each join of them is by an index.
CREATE INDEX IF NOT EXISTS caught_transaction_id_idx ON archive.caught (transaction_id, archival_id);
CREATE INDEX IF NOT EXISTS caught_parent_idx ON archive.caught (transaction_id, parent) WHERE parent IS NOT NULL;

-- The columns of a guarded table, and of its archive table, that its trigger function names, and their types. It has no numbers and oids, which a dump and a
-- restore change.
CREATE OR REPLACE FUNCTION archive.guard_shape(guarded oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (
    SELECT md5(concat_ws(' ', r.deleted_at_column, r.deleted_by_column, r.archival_id_column,
               (SELECT min(s.wanted_column) FROM archive.tenancy_scope AS s WHERE s.relation = guarded), (
               SELECT string_agg(concat_ws(' ', a.attrelid = guarded, quote_ident(a.attname), a.attgenerated,
                                           format_type(a.atttypid, CASE WHEN a.attnum = ANY (i.indkey::int2[]) OR a.attname = r.deleted_by_column THEN a.atttypmod END)), ', ' ORDER BY a.attrelid = guarded, a.attname)
               FROM pg_attribute AS a LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
               WHERE a.attrelid IN (guarded, r.archive_table) AND a.attnum > 0 AND NOT a.attisdropped)))
    FROM archive.archived_table AS r WHERE r.active::oid = guarded
);

-- The foreign keys of a guarded table to tables that catch: the condition that its row of this alias refers to the row `p` of the archive table
-- of the other table.
CREATE OR REPLACE FUNCTION archive.guard_links(guarded oid, row_alias text) RETURNS TABLE (guard integer, archive_table text, archival_id name, same text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.id, format('%I.%I', n.nspname, t.relname), r.archival_id_column,
           (SELECT string_agg(format('p.%I OPERATOR(%I.%s) %s.%I', pa.attname, o.nspname, o.oprname, row_alias, ca.attname), ' AND ' ORDER BY k.ord)
            FROM unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS k(child, parent, operator, ord)
            JOIN pg_attribute AS ca ON ca.attrelid = c.conrelid AND ca.attnum = k.child
            JOIN pg_attribute AS pa ON pa.attrelid = c.confrelid AND pa.attnum = k.parent
            JOIN (SELECT o.oid, o.oprname, n.nspname FROM pg_operator AS o JOIN pg_namespace AS n ON n.oid = o.oprnamespace) AS o ON o.oid = k.operator)
    FROM pg_constraint AS c
    JOIN archive.guarded_table AS g ON g.relation::oid = c.confrelid AND g.catches
    JOIN archive.archived_table AS r ON r.active::oid = c.confrelid
    JOIN pg_class AS t ON t.oid = r.archive_table JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE c.conrelid = guarded AND c.contype = 'f' AND c.conparentid = 0 AND to_jsonb(c)->>'conenforced' IS DISTINCT FROM 'false'
    ORDER BY c.conname, c.oid
$$;

-- The same as a text, to compare with.
CREATE OR REPLACE FUNCTION archive.guard_links_text(guarded oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN (SELECT coalesce(string_agg(concat_ws(' ', l.archive_table, l.archival_id, l.same), '; ' ORDER BY l.archive_table, l.same), '') FROM archive.guard_links(guarded, 'd') AS l);

-- Why the rows that are deleted from a table cannot all be caught; NULL where they can: a foreign key lets the deletion of a row delete rows of a
-- table that is not guarded, or cut a link, or code of another role would run as the owner of the archive.
CREATE OR REPLACE FUNCTION archive.not_catchable(guarded oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held   oid := (SELECT r.archive_table FROM archive.archived_table AS r WHERE r.active::oid = guarded);
    broken record;
BEGIN
    SELECT format('%I.%I', n.nspname, k.relname) AS child, c.conname, c.confdeltype INTO broken
    FROM pg_constraint AS c JOIN pg_class AS k ON k.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = k.relnamespace
    WHERE c.contype = 'f' AND c.conparentid = 0 AND to_jsonb(c)->>'conenforced' IS DISTINCT FROM 'false'
      AND c.confrelid IN (SELECT guarded UNION SELECT p.relid FROM pg_partition_tree(guarded) AS p)
      AND (c.confdeltype IN ('n', 'd') OR c.confdeltype = 'c' AND c.conrelid <> guarded AND NOT EXISTS (
          SELECT FROM archive.guarded_table AS g WHERE g.relation::oid = coalesce(pg_partition_root(c.conrelid)::oid, c.conrelid)))
    ORDER BY child, c.conname LIMIT 1;
    IF broken.confdeltype = 'c' THEN
        RETURN format('the foreign key %I of %s is ON DELETE CASCADE, and the rows of that table would be lost: guard %2$s first, or make the foreign key NO ACTION',
            broken.conname, broken.child);
    ELSIF broken.child IS NOT NULL THEN
        RETURN format('the foreign key %I of %s is ON DELETE %s, and the links of that table would be lost: make it NO ACTION, or ON DELETE CASCADE and guard that table',
            broken.conname, broken.child, CASE broken.confdeltype WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END);
    ELSIF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = guarded AND a.attgenerated = 'v' AND NOT a.attisdropped) THEN
        RETURN 'it has a virtual generated column, which the rows that a statement deleted do not contain: make it STORED, or use Guard::refuse()';
    ELSIF EXISTS (SELECT FROM archive.archived_table AS r JOIN pg_attribute AS a ON a.attrelid = r.archive_table AND a.attname = r.deleted_by_column
                  JOIN pg_type AS y ON y.oid = a.atttypid WHERE r.active::oid = guarded AND y.typnamespace <> 'pg_catalog'::regnamespace) THEN
        RETURN format('the type of the column of %s for the actor is not built in, and its functions would run as the owner of the schema archive', held::regclass);
    ELSIF archive.runs_other_code(held) OR EXISTS (
        SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
        WHERE t.tgrelid IN (SELECT held UNION SELECT p.relid FROM pg_partition_tree(held) AS p) AND NOT t.tgisinternal AND t.tgenabled <> 'D'
          AND t.tgtype & 4 <> 0 AND NOT (archive.is_trusted(f.proowner) AND (t.tgqual IS NULL OR f.pronamespace = 'archive'::regnamespace))) THEN
        RETURN format('a trigger on the archive table %s, its condition, a rule, a CHECK or an index belongs to another role than the schema archive, or may: drop it',
            held::regclass);
    END IF;
    RETURN NULL;
END
$$;

-- Whether the trigger function of a guarded table fits the table. Raises if it does not: AR041.
--
-- It is declared IMMUTABLE on purpose: see archive.unchanged(). PostgreSQL plans the statement of the trigger again after every change of
-- a table in it, or of a foreign key to it, and evaluates this then; otherwise it costs nothing.
CREATE OR REPLACE FUNCTION archive.guard_fits(guard integer, archive_table text, catching boolean) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    guarded record;
    problem text;
BEGIN
    SELECT g.relation, g.shape, g.links, r.archive_table INTO guarded
    FROM archive.guarded_table AS g LEFT JOIN archive.archived_table AS r ON r.active::oid = g.relation::oid WHERE g.id = guard;
    problem := CASE
        WHEN guarded.archive_table IS NULL THEN 'it has no archive table any longer'
        WHEN to_regclass(guard_fits.archive_table) IS DISTINCT FROM guarded.archive_table THEN 'its archive table has another name'
        WHEN guarded.shape IS DISTINCT FROM archive.guard_shape(guarded.relation) THEN 'its columns have changed'
        WHEN catching THEN coalesce(archive.not_catchable(guarded.relation),
            CASE WHEN guarded.links IS DISTINCT FROM archive.guard_links_text(guarded.relation) THEN 'its foreign keys have changed' END)
        END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR041', MESSAGE = format(
            'the guard of %s does not fit it, so no row was deleted: %s. Call manager.guard_table(..) for it again', guarded.relation, problem);
    END IF;
    RETURN true;
END
$$;

-- The actor of the context as a value of the column for the actor; NULL where it is none: a deletion is not refused for that.
CREATE OR REPLACE FUNCTION archive.actor_or_null(kind anyelement) RETURNS anyelement
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN archive.actor_as(kind);
EXCEPTION WHEN data_exception OR check_violation THEN
    RETURN NULL;
END
$$;

-- Raises for rows that were deleted from a guarded table past the archive.
CREATE OR REPLACE FUNCTION archive.refuse_deletion(guarded regclass, operation text, rows bigint, keys jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    guarded := coalesce(pg_partition_root(guarded), guarded);
    RAISE EXCEPTION USING ERRCODE = 'AR040',
        SCHEMA = (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = guarded),
        TABLE = (SELECT c.relname FROM pg_class AS c WHERE c.oid = guarded),
        MESSAGE = format('%s is guarded, and this %s would delete %s for good: archive them with archive(), or let a migration call '
                         'manager.drop_guard(..)', guarded, operation, CASE WHEN rows IS NULL THEN 'all of its rows' ELSE format('%s of its rows, such as %s,', rows, keys->0) END),
        DETAIL = jsonb_build_object('rows', rows, 'keys', keys)::text;
END
$$;

-- Whether the visible row with this xmin was written by this transaction: no other transaction that is in progress has visible rows. A savepoint has a number of its own,
-- after that of its transaction.
CREATE OR REPLACE FUNCTION archive.is_written_here(writer xid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this  bigint := txid_current();
    after bigint := (writer::text::bigint - this) & 4294967295;
BEGIN
    RETURN CASE WHEN after < 2147483648 THEN pg_xact_status((this + after)::text::xid8) = 'in progress' ELSE false END;
END
$$;

-- Refuses that rows leave the archive table of a guarded table, unless their archival is restored or purged in the same transaction.
--
-- A restore of one archival marks it before the rows move. One that is verified marks it at its end, after deferred constraints were checked: its rows are
-- in the table when the statement has ended, written by this transaction: another row may have had the same key before. A purge marks the archival afterwards, so that is checked at the end of the transaction.
CREATE OR REPLACE FUNCTION archive.guard_archived() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tag    name;
    active regclass;
    gone   bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF current_setting('session_replication_role') = 'replica' AND archive.is_subscriber() THEN
            RETURN NULL;
        END IF;
        PERFORM archive.refuse_departure(TG_RELID, NULL);
    END IF;
    SELECT coalesce(archive.renamed_archival_id(r.active), r.archival_id_column), r.active INTO tag, active
    FROM archive.archived_table AS r WHERE r.archive_table::oid = TG_RELID;
    IF tag IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT array_agg(DISTINCT o.%I) FROM old_rows AS o', tag) INTO gone;
    gone := ARRAY(SELECT i.id FROM unnest(gone) AS i(id) WHERE NOT archive.is_closed(i.id));
    IF gone <> '{}' THEN
        PERFORM archive.require_trusted(active);
        EXECUTE format('SELECT array_agg(DISTINCT o.%1$I) FROM old_rows AS o WHERE o.%1$I = ANY ($1) AND NOT EXISTS (SELECT FROM %2$s AS t WHERE %3$s AND archive.is_written_here(t.xmin))',
            tag, active, archive.is_same_identity(active, 't', archive.key_columns(active), 'o', archive.key_columns(active))) INTO gone USING gone;
    END IF;
    IF gone <> '{}' THEN
        SET CONSTRAINTS archive.refuse_departed DEFERRED;
        INSERT INTO archive.departed (relation, archivals) VALUES (TG_RELID, gone);
    END IF;
    RETURN NULL;
END
$$;

-- Whether an archival is restored or purged: its rows may leave the archive tables.
CREATE OR REPLACE FUNCTION archive.is_closed(archival bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.archival AS a WHERE a.id = archival AND (a.restored_at IS NOT NULL OR a.purged_at IS NOT NULL));
END
$$;

-- Archivals whose rows have left an archive table, and which are not marked as restored or purged yet. No row of it is ever committed.
CREATE TABLE IF NOT EXISTS archive.departed (
    id        bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation  oid    NOT NULL,
    archivals bigint[] NOT NULL
);

CREATE OR REPLACE FUNCTION archive.refuse_departed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    left_open bigint := (SELECT min(i.id) FROM unnest(NEW.archivals) AS i(id) WHERE NOT archive.is_closed(i.id));
BEGIN
    IF left_open IS NOT NULL THEN
        PERFORM archive.refuse_departure(NEW.relation, left_open);
    END IF;
    DELETE FROM archive.departed AS d WHERE d.id = NEW.id;
    RETURN NULL;
END
$$;

-- Raises for archived rows that were deleted past the archive.
CREATE OR REPLACE FUNCTION archive.refuse_departure(held regclass, archival bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AR040',
        SCHEMA = (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = held),
        TABLE = (SELECT c.relname FROM pg_class AS c WHERE c.oid = held),
        MESSAGE = format('%s is the archive table of a guarded table, and %s would be deleted for good: restore or purge the archival, '
                         'with restore() or purge_by_id(), or let a migration call manager.drop_guard(..)',
                         held, CASE WHEN archival IS NULL THEN 'all of its rows' ELSE format('rows of archival %s', archival) END),
        DETAIL = jsonb_build_object('archivals', jsonb_build_array(archival))::text;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger
                   WHERE tgrelid = 'archive.departed'::pg_catalog.regclass AND tgname = 'refuse_departed') THEN
        CREATE CONSTRAINT TRIGGER refuse_departed AFTER INSERT ON archive.departed
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION archive.refuse_departed();
        ALTER TABLE archive.departed ENABLE ALWAYS TRIGGER refuse_departed;
    END IF;
END
$$;

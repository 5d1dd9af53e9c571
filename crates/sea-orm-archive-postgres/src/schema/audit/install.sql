-- What install_audit() creates: the log, the register of audited tables, and the functions of the log. Every statement may run
-- again.

CREATE TABLE IF NOT EXISTS archive.audit_entry (
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL, -- when the statement had changed its rows; the same for all rows of one operation and table
    transaction_id bigint      NOT NULL, -- pg_current_xact_id()
    archival_id    bigint,               -- of an archived row, or of a move
    details_id     bigint,               -- archive.audit_details: further details of the request
    operation      text        NOT NULL, -- INSERT, UPDATE, DELETE, TRUNCATE, ARCHIVE, RESTORE
    table_name     text        NOT NULL, -- schema.table, the name when it was first audited
    key            jsonb,                -- {"id": 42}; NULL for a table that was truncated empty
    key_hash       bigint GENERATED ALWAYS AS (pg_catalog.jsonb_hash_extended(key, 0)) STORED,
    old            jsonb,                -- of an UPDATE, what changed; of a DELETE, the row
    new            jsonb,                -- of an UPDATE, what changed; of an INSERT, the row
    whole          jsonb,                -- of one UPDATE in 32, the row before it: a read of an earlier time stops here
    redacted       jsonb,                -- ["password"]: columns that changed too and whose values are not recorded
    actor          text,
    tenant         text,
    request_id     text,
    database_user  text        NOT NULL, -- the login role
    PRIMARY KEY (at, id)                 -- the replica identity
) PARTITION BY RANGE (at);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indrelid = 'archive.audit_entry'::pg_catalog.regclass AND indisprimary) THEN
        ALTER TABLE archive.audit_entry ADD PRIMARY KEY (at, id);
        DROP INDEX IF EXISTS archive.audit_entry_at_idx;
    END IF;
END
$$;

ALTER TABLE archive.audit_entry ADD COLUMN IF NOT EXISTS whole jsonb;
ALTER TABLE archive.audit_entry ADD COLUMN IF NOT EXISTS erased jsonb; -- ["email"]: columns whose values were erased; empty where only mentions were

-- Entries of a month without a partition go here: no write is refused, and none is lost.
CREATE TABLE IF NOT EXISTS archive.audit_entry_default PARTITION OF archive.audit_entry DEFAULT;

-- By row, in the order of time. The hash of the key is indexed, since an index limits the length of a key. The hash is a column, since under
-- row-level security an index serves only leakproof comparisons, and the hash function is not leakproof. It is generated, so that
-- a dump restored under another encoding hashes the other bytes instead of copying the hash.
CREATE INDEX IF NOT EXISTS audit_entry_key_hash_at_idx ON archive.audit_entry (key_hash, at);
CREATE INDEX IF NOT EXISTS audit_entry_actor_at_idx ON archive.audit_entry (actor, at);
-- Numbers of transactions grow with time, so it is enough to index the range of each block of pages. archive.make_audit_partitions()
-- summarizes new blocks: the requests of autosummarize overflow under load, and each is reported in the log of the server.
CREATE INDEX IF NOT EXISTS audit_entry_transaction_id_idx ON archive.audit_entry USING brin (transaction_id)
    WITH (pages_per_range = 32);
CREATE INDEX IF NOT EXISTS audit_entry_request_id_idx ON archive.audit_entry (request_id)
    WHERE request_id IS NOT NULL;

-- The details of a request: one row for a transaction, not one for each entry.
CREATE TABLE IF NOT EXISTS archive.audit_details (
    id             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    transaction_id bigint      NOT NULL,
    tenant         text,
    details        jsonb       NOT NULL -- {"client_address": .., "user_agent": .., "reason": .., "metadata": ..}
);
CREATE INDEX IF NOT EXISTS audit_details_transaction_id_idx ON archive.audit_details (transaction_id);

-- Which tables are audited, and how.
CREATE TABLE IF NOT EXISTS archive.audited_table (
    id            integer     NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation      regclass    NOT NULL UNIQUE,
    table_name    text        NOT NULL UNIQUE, -- its name in entries, even after a rename
    excluded      smallint[]  NOT NULL, -- columns by number: a redacted one stays redacted after a rename
    redacted      smallint[]  NOT NULL,
    tenant        smallint,             -- the tenant column; NULL where the table is not under tenancy
    attributed_since timestamptz,       -- under tenancy, each later entry has the tenant of its row
    audited_since timestamptz NOT NULL, -- the log contains every change since then
    shape         text        NOT NULL, -- the columns that its trigger functions were written for
    archive_table_shape text,           -- the same for the archive table
    excluded_names text[] NOT NULL DEFAULT '{}', -- the columns by name: a dump and a restore number them again
    redacted_names text[] NOT NULL DEFAULT '{}',
    tenant_name    text,
    ever_excluded  text[] NOT NULL DEFAULT '{}', -- the columns that were excluded at any time: entries may lack them
    known_names    text[] NOT NULL DEFAULT '{}', -- the columns at the time when a helper last wrote the functions
    known_place    text,                         -- the table and the cluster of these columns
    known_at       timestamptz,                  -- when a helper last wrote the functions
    column_names   jsonb  NOT NULL DEFAULT '[]', -- each name that a column had at such a time: see archive.audit_names()
    key_columns    smallint[],                   -- the primary key at that time
    key_since      timestamptz                   -- since when entries have these columns as their key; NULL where they always had
);
ALTER TABLE archive.audited_table
    ADD COLUMN IF NOT EXISTS known_names text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS known_place text,
    ADD COLUMN IF NOT EXISTS known_at timestamptz,
    ADD COLUMN IF NOT EXISTS column_names jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS key_columns smallint[],
    ADD COLUMN IF NOT EXISTS key_since timestamptz;

-- Unfinished moves of rows between a table and its archive table: they left the one, or arrived in the other, but not both yet.
--
-- A move announces itself in a setting, which any role can set. So the trigger that fires first, on the table that the rows leave
-- or on the one that they arrive in, records the SHA-256 of the images of all rows, and the other trigger searches for exactly
-- this digest, which no other rows have. A move that is not finished by the end of the transaction is refused.
CREATE TABLE IF NOT EXISTS archive.audit_move (
    id             bigint   NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint   NOT NULL,
    audited        integer  NOT NULL,
    operation      text     NOT NULL, -- LEFT or ARRIVED of an archive, RETURNS of a restore
    rows           bigint   NOT NULL,
    keys           bytea,             -- of RETURNS: the digest of the keys alone
    digest         bytea    NOT NULL, -- of the images of all rows, independent of their order
    images         bytea[],           -- of RETURNS, where rows may come back with other values: the digest of each row
    archivals      bigint[]           -- of ARRIVED: the archivals of the rows
);
ALTER TABLE archive.audit_move ADD COLUMN IF NOT EXISTS archivals bigint[];

CREATE INDEX IF NOT EXISTS audit_move_transaction_id_idx ON archive.audit_move (transaction_id);

CREATE OR REPLACE FUNCTION archive.refuse_lost_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called text;
BEGIN
    IF EXISTS (SELECT FROM archive.audit_move WHERE id = NEW.id) THEN
        SELECT table_name INTO called FROM archive.audited_table WHERE id = NEW.audited;
        RAISE EXCEPTION USING ERRCODE = 'AR008', MESSAGE = format(
            '%s rows of %s seemed to move between it and its archive table, and were not the same on both sides: '
            'something beside the archive changed or removed them; let triggers change no row of a table that is '
            'archived in the same statement, and leave the setting archive.moving alone', NEW.rows, called);
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION archive.refuse_lost_rows() FROM PUBLIC;

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'archive.audit_move'::pg_catalog.regclass AND tgname = 'refuse_lost_rows'
    ) THEN
        CREATE CONSTRAINT TRIGGER refuse_lost_rows AFTER INSERT ON archive.audit_move
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION archive.refuse_lost_rows();
        ALTER TABLE archive.audit_move ENABLE ALWAYS TRIGGER refuse_lost_rows;
    END IF;
END
$$;

-- A text short enough for an index: a long text is cut, and its hash distinguishes it from others with the same beginning.
CREATE OR REPLACE FUNCTION archive.audit_text(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN pg_catalog.octet_length(value) <= 400 THEN value
            ELSE pg_catalog."left"(value, 80) || '.. md5 ' || pg_catalog.md5(value) END;

-- Records the details of the context once for a transaction and returns their id. Text that is not JSON is stored as text: invalid
-- details of a client are no reason to refuse its writes.
CREATE OR REPLACE FUNCTION archive.audit_details() RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    given text := archive.current_details();
    known jsonb;
    found bigint;
BEGIN
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    BEGIN
        known := given::jsonb;
    EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
        known := to_jsonb(given);
    END;
    -- After a dump and a restore an older transaction may have had the same number.
    SELECT d.id INTO found FROM archive.audit_details AS d
    WHERE d.transaction_id = pg_current_xact_id()::text::bigint AND d.at >= transaction_timestamp() AND d.details = known
      AND d.tenant IS NOT DISTINCT FROM archive.audit_text(archive.current_tenant());
    IF found IS NULL THEN
        INSERT INTO archive.audit_details (transaction_id, tenant, details)
        VALUES (pg_current_xact_id()::text::bigint, archive.audit_text(archive.current_tenant()), known)
        ON CONFLICT DO NOTHING RETURNING id INTO found;
        IF found IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'unique_violation',
                SCHEMA = 'archive', TABLE = 'audit_details', CONSTRAINT = 'audit_details_pkey',
                MESSAGE = 'the sequence of archive.audit_details is behind its rows: call manager.reset_archive_sequences() in a migration';
        END IF;
    END IF;
    RETURN found;
END
$$;

-- Raises if the table, a name as SQL, is not audited: an empty result would read as "nothing happened". It runs on the
-- search_path of the caller, which resolves the name.
CREATE OR REPLACE FUNCTION archive.require_audited(audited text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.audited_table AS r WHERE r.relation OPERATOR(pg_catalog.=) pg_catalog.to_regclass(audited))
        OR archive.stop('AR013', pg_catalog.array_to_string(pg_catalog.parse_ident(audited), '.'));
END
$$;

-- A hash of the columns of a table, of the columns that its generated columns depend on, and of its primary key.
CREATE OR REPLACE FUNCTION archive.audit_shape(watched oid) RETURNS text
LANGUAGE sql STABLE
RETURN (SELECT pg_catalog.md5(pg_catalog.string_agg(
            pg_catalog.concat_ws(' ', a.attname, a.attnum, a.atttypid, a.attcollation, a.attgenerated, CASE WHEN a.attgenerated <> '' THEN (
                SELECT pg_catalog.string_agg(p.refobjsubid::text, '+' ORDER BY p.refobjsubid)
                FROM pg_catalog.pg_attrdef AS d
                JOIN pg_catalog.pg_depend AS p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND p.objid = d.oid
                                              AND p.refobjid = d.adrelid
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END), ',' ORDER BY a.attnum)
            || coalesce((SELECT i.indkey::text FROM pg_catalog.pg_index AS i WHERE i.indrelid = watched AND i.indisprimary), ''))
        FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = watched AND a.attnum > 0 AND NOT a.attisdropped);

-- Whether a table, or its archive table, still has the columns that its trigger function was written for.
--
-- It is declared IMMUTABLE on purpose: see archive.unchanged(). PostgreSQL plans the statement of the trigger again after every
-- change of the table and evaluates this then; otherwise it costs nothing. The trigger function identifies the table by its id in
-- the register, which neither a rename nor a dump and a restore changes.
CREATE OR REPLACE FUNCTION archive.audit_fits(audited integer, of_archive_table boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN (SELECT CASE WHEN of_archive_table
                    THEN r.archive_table_shape = (SELECT archive.audit_shape(a.archive_table) FROM archive.archived_table AS a WHERE a.active = r.relation)
                    ELSE r.shape = archive.audit_shape(r.relation) END
        FROM archive.audited_table AS r WHERE r.id = audited);

-- Creates the partitions of this month and of the next months, and moves their entries there from the default partition. Returns
-- the number of new partitions. It runs as the owner, so a role that may call it needs no other rights.
--
-- Where nothing is missing, it summarizes the new blocks of the BRIN indexes, each under SHARE UPDATE EXCLUSIVE. Otherwise it locks
-- with SHARE UPDATE EXCLUSIVE on the log, which stops neither reads nor writes,
-- and at the very end ACCESS EXCLUSIVE on the default partition, which PostgreSQL needs to attach another one: it stops
-- reads of the log, and those writes that have no partition of their own month, until the caller's transaction ends. While
-- it waits for that lock, others wait behind it, so it waits for two seconds and gives up.
--
-- The limit of two years is more than a daily task needs. A read that does not name a time locks every partition.
--
-- Races: of two callers one waits for the other, since the lock on the log conflicts with itself; each then checks again which
-- partitions are missing. The default partition is locked while rows leave it, so no entry is added at the same time.
CREATE OR REPLACE FUNCTION archive.make_audit_partitions(months integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC'
SET row_security = off SET lock_timeout = '2s' AS $$
DECLARE
    this    timestamptz := date_trunc('month', clock_timestamp());
    month   timestamptz;
    called  text;
    forced  boolean;
    other   text;
    missing timestamptz[];
    summarized regclass;
BEGIN
    IF months IS NULL OR months < 0 OR months > 24 THEN
        RAISE EXCEPTION 'partitions of the audit log are created for 0 to 24 months ahead, not for %', months;
    END IF;
    FOR locked IN 0 .. 1 LOOP
        missing := ARRAY(
            SELECT m.month FROM (SELECT this + n * interval '1 month' AS month FROM generate_series(0, months) AS n) AS m
            WHERE to_regclass('archive.' || quote_ident('audit_entry_' || to_char(m.month, 'YYYY_MM'))) IS NULL ORDER BY m.month);
        IF missing = '{}' THEN
            FOR summarized IN
                SELECT i.indexrelid::regclass FROM pg_inherits AS p
                JOIN pg_index AS i ON i.indrelid = p.inhrelid JOIN pg_class AS c ON c.oid = i.indexrelid
                JOIN pg_am AS m ON m.oid = c.relam AND m.amname = 'brin'
                WHERE p.inhparent = 'archive.audit_entry'::regclass
            LOOP
                BEGIN
                    PERFORM brin_summarize_new_values(summarized);
                EXCEPTION WHEN lock_not_available THEN
                    -- VACUUM runs there, and summarizes too.
                    NULL;
                END;
            END LOOP;
            RETURN 0;
        END IF;
        IF locked = 0 THEN
            LOCK TABLE ONLY archive.audit_entry IN SHARE UPDATE EXCLUSIVE MODE;
        END IF;
    END LOOP;
    FOREACH month IN ARRAY missing LOOP
        called := 'audit_entry_' || to_char(month, 'YYYY_MM');
        EXECUTE format('CREATE TABLE archive.%I (LIKE archive.audit_entry INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING INDEXES)', called);
        -- All access goes through the log itself, so default privileges on a partition are revoked.
        FOR other IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END
            FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl
            WHERE c.oid = to_regclass('archive.' || quote_ident(called)) AND acl.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON archive.%I FROM %s', called, other);
        END LOOP;
    END LOOP;
    LOCK TABLE archive.audit_entry_default IN ACCESS EXCLUSIVE MODE;
    -- Under tenancy policies hide these rows even from the owner. The lock prevents other sessions from reading them meanwhile.
    SELECT relforcerowsecurity INTO forced FROM pg_class WHERE oid = 'archive.audit_entry_default'::regclass;
    IF forced THEN
        ALTER TABLE archive.audit_entry_default NO FORCE ROW LEVEL SECURITY;
    END IF;
    FOREACH month IN ARRAY missing LOOP
        called := 'audit_entry_' || to_char(month, 'YYYY_MM');
        EXECUTE format(
            'WITH moved AS (DELETE FROM archive.audit_entry_default WHERE at >= %1$L AND at < %2$L RETURNING *)
             INSERT INTO archive.%3$I (%4$s) SELECT %4$s FROM moved', month, month + interval '1 month', called,
            (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
             WHERE attrelid = 'archive.audit_entry'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''));
        EXECUTE format('ALTER TABLE archive.audit_entry ATTACH PARTITION archive.%I FOR VALUES FROM (%L) TO (%L)',
            called, month, month + interval '1 month');
        IF forced THEN
            EXECUTE format('ALTER TABLE archive.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', called);
        END IF;
    END LOOP;
    IF forced THEN
        ALTER TABLE archive.audit_entry_default FORCE ROW LEVEL SECURITY;
    END IF;
    RETURN cardinality(missing);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE =
        'no partitions of archive.audit_entry were created: another transaction reads or maintains the log and holds a lock on '
        'archive.audit_entry or archive.audit_entry_default for more than 2 seconds; writes go on meanwhile: call '
        'archive.make_audit_partitions() again, in a short transaction';
END
$$;
REVOKE EXECUTE ON FUNCTION archive.make_audit_partitions(integer) FROM PUBLIC;

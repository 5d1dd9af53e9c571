-- Stops the calling statement with one of the framework's own error codes.
CREATE OR REPLACE FUNCTION archive.stop(code text, message text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END
$$;

-- What the catalog says of the tables and of their partitions, as a number: their columns, their unique indexes,
-- exclusion constraints and number of CHECK constraints, their triggers (a foreign key is a trigger on the table it points at), their rules, and
-- their files (a rewritten table looks empty to a snapshot from before the rewrite), and their policies, which say
-- in which column a row's tenant is, their archive tables, and whether archived rows follow the keys of their parents; for the role that asks also whether row security hides
-- rows from it.
--
-- STABLE, so that it looks with the snapshot of whoever calls it.
CREATE OR REPLACE FUNCTION archive.state_of(tables oid[], for_role boolean) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partitions oid[] := tables;
BEGIN
    LOOP
        SELECT pg_catalog.array_agg(inhrelid ORDER BY inhrelid) INTO partitions
        FROM pg_catalog.pg_inherits WHERE inhparent = ANY (partitions);
        EXIT WHEN partitions IS NULL;
        tables := tables || partitions;
    END LOOP;
    RETURN pg_catalog.hashtextextended(pg_catalog.array_to_string(tables, ',', '-'), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(
                   ROW(attrelid, attnum, attname, atttypid, atttypmod, attcollation, attnotnull,
                       attisdropped, attidentity, attgenerated, attinhcount), 1))
               FROM pg_catalog.pg_attribute WHERE attrelid = ANY (tables) AND attnum > 0
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(
                   ROW(tgrelid, tgfoid, tgconstraint, tgenabled, tgtype), 2))
               FROM pg_catalog.pg_trigger WHERE tgrelid = ANY (tables)
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(
                   ROW(oid, relfilenode, relkind, relpersistence, relchecks, relhasrules, relrowsecurity,
                       for_role AND pg_catalog.row_security_active(oid)), 3))
               FROM pg_catalog.pg_class WHERE oid = ANY (tables)
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(
                   ROW(indexrelid, indrelid, indkey::int2[]), 4))
               FROM pg_catalog.pg_index WHERE indrelid = ANY (tables) AND (indisunique OR indisexclusion)
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(polrelid, polname, polqual::text), 6))
               FROM pg_catalog.pg_policy WHERE polrelid = ANY (tables)
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(
                   ROW(active, archive_table, deleted_at_column, deleted_by_column, archival_id_column), 7))
               FROM archive.archived_table WHERE active OPERATOR(pg_catalog.=) ANY (tables)
           ), 0)
         # coalesce((
               SELECT pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(t.tgrelid, t.tgfoid, t.tgenabled), 8))
               FROM (SELECT DISTINCT c.confrelid FROM pg_catalog.pg_constraint AS c
                     WHERE c.conrelid OPERATOR(pg_catalog.=) ANY (tables) AND c.contype OPERATOR(pg_catalog.=) 'f') AS p
               JOIN pg_catalog.pg_trigger AS t ON t.tgrelid OPERATOR(pg_catalog.=) p.confrelid
               WHERE t.tgname OPERATOR(pg_catalog.=) 'archive_follow_key'
           ), 0);
END
$$;

-- A number that changes when anything changes that a plan was made from: what the names resolve to, and what
-- the catalog says of those tables.
--
-- It runs on the search_path of the caller, which finds the names: everything else in it is qualified.
--
-- VOLATILE, so that each query in it takes a new snapshot: at READ COMMITTED it sees what was committed before
-- the lock that the calling statement holds, not what was there when that statement began. Above READ COMMITTED
-- it sees what the transaction's reading of the catalog sees; archive.unchanged() looks further.
CREATE OR REPLACE FUNCTION archive.fingerprint(names text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    tables pg_catalog.oid[];
BEGIN
    SELECT pg_catalog.array_agg(pg_catalog.to_regclass(name)::pg_catalog.oid) INTO tables
    FROM pg_catalog.unnest(names) AS name;
    RETURN pg_catalog.hashtextextended(pg_catalog.current_setting('search_path'), 5)
               OPERATOR(pg_catalog.#) archive.state_of(tables, true);
END
$$;

-- Says, in an error, what the catalog says now. It is STABLE: it has no snapshot of its own, but that of
-- the DELETE it is the trigger of.
CREATE OR REPLACE FUNCTION archive.tell_state() RETURNS trigger
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AR006', MESSAGE = archive.state_of(OLD.tables, false);
END
$$;

-- It is for that trigger alone.
REVOKE EXECUTE ON FUNCTION archive.tell_state() FROM PUBLIC;

CREATE OR REPLACE TRIGGER tell_state BEFORE DELETE ON archive.fresh_look
FOR EACH ROW WHEN (OLD.below IS NOT NULL) EXECUTE FUNCTION archive.tell_state();

-- What archive.state_of() says to a snapshot of this moment, whatever the isolation level; NULL where nobody
-- looked, as with session_replication_role = replica.
--
-- Above READ COMMITTED every query of a transaction has the same snapshot, but for one kind: what a foreign key
-- does to its rows, PostgreSQL does with the newest snapshot, or it would miss rows. So here a row is deleted
-- and ON DELETE CASCADE goes to the row below it, whose trigger looks. Its error takes everything back.
--
-- It runs as the owner, so that nobody else needs rights on that table. Whoever had them could leave a row
-- there, or hold one, and every other session's look would fail or wait.
CREATE OR REPLACE FUNCTION archive.state_now(tables oid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me integer := pg_catalog.pg_backend_pid();
BEGIN
    INSERT INTO archive.fresh_look (id, below, tables) VALUES (me, NULL, NULL), (-me, me, tables);
    DELETE FROM archive.fresh_look WHERE id = me;
    RAISE EXCEPTION USING ERRCODE = 'AR006', MESSAGE = '';
EXCEPTION WHEN SQLSTATE 'AR006' THEN
    RETURN nullif(SQLERRM, '')::bigint;
END
$$;

-- Stops where the tables are not what the snapshot of the transaction shows. Only a transaction above READ
-- COMMITTED can have such a snapshot, and planning again with it would show the same old tables: so the whole
-- of it has to begin again, and 40001 is how PostgreSQL says that. One that may not write loses nothing.
CREATE OR REPLACE FUNCTION archive.refuse_old_snapshot(names text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    tables pg_catalog.oid[];
BEGIN
    IF pg_catalog.current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable')
       OR pg_catalog.current_setting('transaction_read_only') = 'on' THEN
        RETURN;
    END IF;
    SELECT pg_catalog.array_agg(pg_catalog.to_regclass(name)::pg_catalog.oid) INTO tables
    FROM pg_catalog.unnest(names) AS name;
    -- Numbers: no operator of another schema compares them.
    IF archive.state_now(tables) IS DISTINCT FROM archive.state_of(tables, false) THEN
        PERFORM archive.stop('40001', 'the tables have changed since the snapshot of this transaction was taken: begin it again');
    END IF;
END
$$;

-- True while the tables are as they were when a plan was made; stops with AR001 when they are not, and with
-- 40001 where the snapshot of the transaction is too old to tell.
--
-- IMMUTABLE is not what it is, and on purpose: with constant arguments it is evaluated when the
-- statement is planned, and not again until PostgreSQL throws the plan away. It does that for every
-- change of a table in the statement, and plans anew only with the tables locked. So a moving
-- statement is checked exactly when something may have changed, and pays nothing otherwise.
CREATE OR REPLACE FUNCTION archive.unchanged(expected bigint, names text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM archive.refuse_old_snapshot(names);
    RETURN archive.fingerprint(names) OPERATOR(pg_catalog.=) expected
        OR archive.stop('AR001', 'the tables have changed since the plan was made');
END
$$;

-- Runs the statements of one move in the transaction of its caller, each under a snapshot of its
-- own, and returns what the last one says.
--
-- One call is one round trip. The statements come from the runtime, complete and schema-qualified, as PREPARE under the
-- names that come with them. Each has four parameters: the arguments, the time of the move, the id of the (first)
-- archival, and who acts. A step that has to settle is repeated until it answers the same twice: that is how a tree of
-- unknown depth is locked.
--
-- The statements are prepared once in a session, because planning a move costs more than a small move itself. A pooler
-- may hand the session to somebody else, who can prepare another statement under that name: so the text of a prepared
-- statement is compared before it is run. Only what PREPARE prepared counts: a driver can prepare exactly this text,
-- PREPARE and all, under this name. The view of prepared statements copies the text of each of them: it is read once.
--
-- Where the last statement moves rows, `moving` says of which tables, as their triggers read it in archive.moving:
-- `:,16400,` for a table or archive table whose rows move, `~16500,` for one whose links are cut or put back. Before it
-- comes the number of the transaction, since a pooled session may have the setting of an earlier user. It is a hint and
-- no proof, since anybody can set it: the audit log takes a row that left for archived only when it sees it arrive in
-- the archive table. The time is read, and the ids are drawn, after the locks of the other steps.
--
-- The statements keep the search_path of the caller, and so do the triggers that they fire: everything in them and
-- here is qualified. Expressions are assigned rather than performed, which PL/pgSQL does without running a query.
--
-- Who acts is said by the caller, or by the context. Where the caller says it, the context says the same while
-- the statements run, so that what triggers write down agrees with the archival table.
CREATE OR REPLACE FUNCTION archive.run(names text[], steps text[], settles boolean[], moving text, args jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE STRICT AS $$
DECLARE
    prepared pg_catalog.text[];
    at       pg_catalog.timestamptz;
    result   pg_catalog.jsonb;
    before   pg_catalog.jsonb;
    told     pg_catalog.text;
    context  pg_catalog.text := archive.current_actor();
    actor    pg_catalog.text := coalesce(args OPERATOR(pg_catalog.->>) 'by', context);
BEGIN
    IF actor IS NOT NULL THEN
        args := args OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', actor);
        told := archive.set_actor(actor);
    END IF;
    prepared := ARRAY(
        SELECT p.name FROM pg_catalog.pg_prepared_statements AS p
        WHERE CASE WHEN p.name OPERATOR(pg_catalog.=) ANY (names) THEN p.from_sql
                   AND p.statement OPERATOR(pg_catalog.=) steps[pg_catalog.array_position(names, p.name)] END);
    FOR step IN 1 .. pg_catalog.cardinality(names) LOOP
        IF names[step] OPERATOR(pg_catalog.<>) ALL (prepared) THEN
            IF EXISTS (SELECT FROM pg_catalog.pg_prepared_statements AS p WHERE p.name OPERATOR(pg_catalog.=) names[step]) THEN
                EXECUTE pg_catalog.format('DEALLOCATE %I', names[step]);
            END IF;
            EXECUTE steps[step];
        END IF;
        IF step OPERATOR(pg_catalog.=) pg_catalog.cardinality(names) AND moving OPERATOR(pg_catalog.<>) '' THEN
            told := pg_catalog.set_config('archive.moving', pg_catalog.concat(pg_catalog.pg_current_xact_id(), moving), true);
            at := pg_catalog.clock_timestamp();
            IF args OPERATOR(pg_catalog.?) 'roots' THEN
                args := args OPERATOR(pg_catalog.||)
                    archive.draw_archivals(pg_catalog.jsonb_array_length(args OPERATOR(pg_catalog.->) 'roots'));
            END IF;
        END IF;
        before := NULL;
        LOOP
            EXECUTE pg_catalog.format('EXECUTE %I (%L, %L, %L, %L)', names[step], args,
                pg_catalog.to_jsonb(at) OPERATOR(pg_catalog.#>>) '{}',
                coalesce(args OPERATOR(pg_catalog.->>) 'id', args OPERATOR(pg_catalog.->) 'ids' OPERATOR(pg_catalog.->>) 0), actor) INTO result;
            EXIT WHEN NOT settles[step] OR result IS NOT DISTINCT FROM before;
            before := result;
        END LOOP;
    END LOOP;
    IF moving OPERATOR(pg_catalog.<>) '' THEN
        told := pg_catalog.set_config('archive.moving', '', true);
    END IF;
    IF actor IS NOT NULL THEN
        told := archive.set_actor(context);
    END IF;
    RETURN result;
END
$$;

-- Whether the current transaction moves rows of this table, or cuts or puts back links of its rows: for triggers of the
-- application, in their condition or in their function. Like the setting that it reads it is a hint and no proof.
--
-- The archive table of a moved table is moving, too, and so is each partition.
CREATE OR REPLACE FUNCTION archive.is_moving(relation regclass) RETURNS boolean
LANGUAGE sql STABLE
RETURN coalesce(
    pg_catalog.starts_with(pg_catalog.current_setting('archive.moving', true), pg_catalog.concat(pg_catalog.pg_current_xact_id_if_assigned(), ':'))
    AND pg_catalog.strpos(pg_catalog.translate(pg_catalog.current_setting('archive.moving', true), '~', ','),
            pg_catalog.concat(',', coalesce(pg_catalog.pg_partition_root(relation), relation)::oid, ',')) > 0, false);

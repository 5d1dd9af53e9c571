-- Raises an error with one of the framework's own error codes.
CREATE OR REPLACE FUNCTION archive.stop(code text, message text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message;
END
$$;

-- A hash of what the catalog contains about the tables and their partitions: columns, unique indexes, exclusion constraints,
-- the number of CHECK constraints, triggers (a foreign key is a trigger on the referenced table), rules, files (a rewritten
-- table is empty in a snapshot from before the rewrite), policies (they name the tenant column), archive tables, and whether
-- archived rows follow the keys of their parents. With `for_role` also whether row security hides rows from the current role.
--
-- STABLE, so that it reads with the snapshot of the calling query.
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
                   ROW(tgrelid, tgfoid, tgconstraint, tgenabled, tgtype, tgname, tgqual::text), 2))
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

-- A hash that changes with everything that a plan was built from: the tables that the names resolve to, and what the catalog
-- contains about those tables.
--
-- It runs on the search_path of the caller, which resolves the names. Everything else in it is qualified.
--
-- VOLATILE, so that each query in it takes a new snapshot: at READ COMMITTED it sees what was committed before the calling
-- statement acquired its lock, not only what was committed when that statement began. Above READ COMMITTED it sees the
-- catalog through the snapshot of the transaction; archive.refuse_old_snapshot() checks for later changes.
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

-- Reports archive.state_of() in an error. It is STABLE, so it reads with the snapshot of the DELETE that fires it.
CREATE OR REPLACE FUNCTION archive.report_state() RETURNS trigger
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AR006', MESSAGE = archive.state_of(OLD.tables, false);
END
$$;

-- Only the trigger below uses it.
REVOKE EXECUTE ON FUNCTION archive.report_state() FROM PUBLIC;

CREATE OR REPLACE TRIGGER report_state BEFORE DELETE ON archive.snapshot_probe
FOR EACH ROW WHEN (OLD.below IS NOT NULL) EXECUTE FUNCTION archive.report_state();

-- archive.state_of() with the newest snapshot, whatever the isolation level. NULL where the trigger does not fire, as with
-- session_replication_role = replica.
--
-- Above READ COMMITTED every query of a transaction has the same snapshot, with one exception: the actions of a foreign key
-- run with the newest snapshot, since they would miss rows otherwise. So this deletes a row, ON DELETE CASCADE deletes the
-- row below it, and the trigger of that row reads the catalog. Its error rolls both rows back.
--
-- It runs as the owner, so that no other role needs rights on that table. A role with rights could leave a row there or lock
-- one, and the probe of every other session would fail or wait.
CREATE OR REPLACE FUNCTION archive.state_now(tables oid[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me integer := pg_catalog.pg_backend_pid();
BEGIN
    INSERT INTO archive.snapshot_probe (id, below, tables) VALUES (me, NULL, NULL), (-me, me, tables);
    DELETE FROM archive.snapshot_probe WHERE id = me;
    RAISE EXCEPTION USING ERRCODE = 'AR006', MESSAGE = '';
EXCEPTION WHEN SQLSTATE 'AR006' THEN
    RETURN nullif(SQLERRM, '')::bigint;
END
$$;

-- Raises where the tables differ from what the snapshot of the transaction shows. Only a transaction above READ COMMITTED can
-- have such a snapshot. A new plan would be built from the same old catalog, so the whole transaction has to be repeated, and
-- 40001 is the code of PostgreSQL for that. A read-only transaction is not checked: it moves no rows.
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

-- True while the tables are as they were when the plan was built. Raises AR001 when they changed, and 40001 where the snapshot
-- of the transaction is older than the change.
--
-- It is declared IMMUTABLE on purpose, although it reads the catalog: with constant arguments it is evaluated when the
-- statement is planned, and not again until PostgreSQL discards that plan. PostgreSQL discards it after every change of a
-- table in the statement, and plans again with the tables locked. So a moving statement is checked exactly when something may
-- have changed, and costs nothing otherwise.
CREATE OR REPLACE FUNCTION archive.unchanged(expected bigint, names text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM archive.refuse_old_snapshot(names);
    RETURN archive.fingerprint(names) OPERATOR(pg_catalog.=) expected
        OR archive.stop('AR001', 'the tables have changed since the plan was built');
END
$$;

-- Deallocates another statement of this name, and those of ours that were prepared first, until 63 with 256 kB of text remain.
-- Those in `needed` remain in any case.
--
-- A session would collect statements without end: each change of a table, a TRUNCATE too, leads to new ones. Their plans take
-- up a hundred times the memory of their text, and archive.run() reads the texts at every call.
CREATE OR REPLACE FUNCTION archive.make_room(name text, needed text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old text;
BEGIN
    FOR old IN
        SELECT p.name
        FROM (SELECT s.name, row_number() OVER latest AS place, sum(octet_length(s.statement)) OVER latest AS size
              FROM pg_prepared_statements AS s WHERE s.name ~ '^archive_[0-9a-f]{16}$' OR s.name = make_room.name
              WINDOW latest AS (ORDER BY s.name = ANY (needed) DESC, s.prepare_time DESC, s.name)) AS p
        WHERE p.name = make_room.name OR (p.place > 63 OR p.size > 262144) AND p.name <> ALL (needed)
    LOOP
        EXECUTE format('DEALLOCATE %I', old);
    END LOOP;
    RETURN true;
END
$$;

-- Runs the statements of one move in the transaction of the caller, each with its own snapshot, and returns the result of the
-- last one.
--
-- One call is one round trip. The statements come from the runtime, complete and schema-qualified, as PREPARE statements under
-- the names in `names`. Each has four parameters: the arguments, the time of the move, the id of the (first) archival, and the
-- actor. Their kinds:
--
-- * `once`;
-- * `settles`: it is repeated until it returns the same result twice, which locks a tree of unknown depth;
-- * `moves`: it moves rows. The time is read, and the ids are drawn, before it, after the locks of the steps before. The
--   statements after it read its result as `moved` in the arguments;
-- * `compares`: it reads that result, which may be large, so it is not prepared and gets it as a parameter;
-- * `if_true`: the same, and it is skipped unless the one before it returned true;
-- * `command`: it is not prepared, and returns nothing.
--
-- The statements are prepared once in a session, because planning a move costs more than a small move itself. A pooler may
-- give the session to another user, who can prepare another statement under that name, so the text of a prepared statement is
-- compared before it runs. Only a statement that PREPARE prepared counts: a driver can prepare exactly this text, including
-- the word PREPARE, under this name. The view of prepared statements copies the text of each of them, so it is read once, and
-- archive.make_room() limits their number.
--
-- From the statement that moves rows on, `moving` lists the tables for their triggers, which read it in archive.moving:
-- `:,16400,` for a table or archive table whose rows move, `~16500,` for one whose links are cut or put back. The number of
-- the transaction precedes it, since a pooled session may have the setting of an earlier user. It is a hint and no proof,
-- since any role can set it: the audit log records a row that left as archived only when the row arrives in the archive
-- table.
--
-- The statements and the triggers that they fire run on the search_path of the caller, so everything in them and here is
-- qualified. Expressions are assigned instead of performed, which PL/pgSQL does without running a query.
--
-- The actor comes from the arguments, or else from the context. An actor in the arguments also replaces the actor of the
-- context while the statements run, so that triggers record the same actor as the archival table.
CREATE OR REPLACE FUNCTION archive.run(names text[], steps text[], kinds text[], moving text, args jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE STRICT AS $$
DECLARE
    last     pg_catalog.int4 := pg_catalog.cardinality(names);
    prepared pg_catalog.text[];
    at       pg_catalog.timestamptz;
    result   pg_catalog.jsonb;
    before   pg_catalog.jsonb;
    setting  pg_catalog.text;
    has_room pg_catalog.bool;
    digits   pg_catalog.text;
    context  pg_catalog.text := archive.current_actor();
    actor    pg_catalog.text := coalesce(args OPERATOR(pg_catalog.->>) 'by', context);
BEGIN
    IF actor IS NOT NULL THEN
        args := args OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('by', actor);
        setting := archive.set_actor(actor);
    END IF;
    prepared := ARRAY(
        SELECT p.name FROM pg_catalog.pg_prepared_statements AS p
        WHERE CASE WHEN p.name OPERATOR(pg_catalog.=) ANY (names) THEN p.from_sql
                   AND p.statement OPERATOR(pg_catalog.=) steps[pg_catalog.array_position(names, p.name)] END);
    FOR step IN 1 .. last LOOP
        CONTINUE WHEN kinds[step] OPERATOR(pg_catalog.=) 'if_true' AND result::pg_catalog.text IS DISTINCT FROM 'true';
        IF kinds[step] OPERATOR(pg_catalog.=) 'command' THEN
            EXECUTE steps[step];
            CONTINUE;
        ELSIF kinds[step] OPERATOR(pg_catalog.=) ANY (ARRAY['compares', 'if_true']) THEN
            EXECUTE steps[step] INTO result USING args, at, (args OPERATOR(pg_catalog.->>) 'id')::pg_catalog.int8, actor;
            CONTINUE;
        END IF;
        IF names[step] OPERATOR(pg_catalog.<>) ALL (prepared) THEN
            has_room := archive.make_room(names[step], names);
            EXECUTE steps[step];
        END IF;
        IF kinds[step] OPERATOR(pg_catalog.=) 'moves' THEN
            setting := pg_catalog.set_config('archive.moving', pg_catalog.concat(pg_catalog.pg_current_xact_id(), moving), true);
            at := pg_catalog.clock_timestamp();
            IF step OPERATOR(pg_catalog.<) last THEN
                digits := pg_catalog.current_setting('extra_float_digits');
                setting := pg_catalog.set_config('extra_float_digits', '1', true);
            END IF;
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
            EXIT WHEN kinds[step] OPERATOR(pg_catalog.<>) 'settles' OR result IS NOT DISTINCT FROM before;
            before := result;
        END LOOP;
        IF step OPERATOR(pg_catalog.<) last AND kinds[step] OPERATOR(pg_catalog.=) 'moves' THEN
            args := args OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('moved', result);
        END IF;
    END LOOP;
    IF moving OPERATOR(pg_catalog.<>) '' THEN
        setting := pg_catalog.set_config('archive.moving', '', true);
    END IF;
    IF digits IS NOT NULL THEN
        setting := pg_catalog.set_config('extra_float_digits', digits, true);
    END IF;
    IF actor IS NOT NULL THEN
        setting := archive.set_actor(context);
    END IF;
    RETURN result;
END
$$;

-- Archives with archive.run(), and proves that what was archived can be restored: it restores it and rolls that back. For trees
-- whose triggers, or whose constraints that are NOT VALID, may refuse or change what comes back.
--
-- All archivals of a tenant are restored together, since a row can have parents in several of them. The result is discarded with the subtransaction. An error becomes AR014, with the
-- table and the constraint of the original; errors that name a trigger themselves (AR004), and those after which the caller
-- tries again, pass as they are.
CREATE OR REPLACE FUNCTION archive.run_proven(
    names text[], steps text[], kinds text[], moving text, args jsonb,
    back_names text[], back_steps text[], back_kinds text[], back_moving text
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE STRICT AS $$
DECLARE
    result   pg_catalog.jsonb := archive.run(names, steps, kinds, moving, args);
    archived pg_catalog.jsonb;
    restored pg_catalog.jsonb;
    proven   boolean;
    reason   pg_catalog.text;
    detail   pg_catalog.text;
    schema   pg_catalog.text;
    relation pg_catalog.text;
    violated pg_catalog.text;
    context  pg_catalog.text;
BEGIN
    FOR archived IN
        SELECT pg_catalog.jsonb_agg(a.record OPERATOR(pg_catalog.->) 'id')
        FROM pg_catalog.jsonb_array_elements(result) AS a(record) GROUP BY a.record OPERATOR(pg_catalog.->) 'tenant'
    LOOP
        proven := false;
        BEGIN
            -- It also checks the rights of the role to restore.
            archived := archive.claim_archivals(ARRAY(SELECT i.id::pg_catalog.int8 FROM pg_catalog.jsonb_array_elements_text(archived) AS i(id)))
                OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object('record', '{}'::pg_catalog.jsonb);
            restored := archive.run(back_names, back_steps, back_kinds, back_moving, archived);
            proven := restored IS NOT NULL;
            RAISE EXCEPTION USING ERRCODE = 'AR014';
        EXCEPTION WHEN OTHERS THEN
            CONTINUE WHEN proven;
            IF pg_catalog."left"(SQLSTATE, 2) OPERATOR(pg_catalog.=) ANY (ARRAY['40', '53', '55', '57', 'AR']) THEN
                RAISE;
            END IF;
            GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, schema = SCHEMA_NAME,
                relation = TABLE_NAME, violated = CONSTRAINT_NAME, context = PG_EXCEPTION_CONTEXT;
            RAISE EXCEPTION USING ERRCODE = 'AR014', MESSAGE = reason, DETAIL = detail, SCHEMA = schema, TABLE = relation,
                CONSTRAINT = violated, HINT = context;
        END;
    END LOOP;
    RETURN result;
END
$$;

-- Whether the current transaction moves rows of this table, or cuts or puts back links of its rows: for the condition of a
-- trigger of the application, or for its function. Like the setting that it reads it is a hint and no proof. The function of
-- a deferred trigger runs after the move, when it is false; its condition is evaluated before.
--
-- The archive table of a moved table is moving, too, and so is each partition. Without a transaction id nothing moves: a
-- setting that names none is forged. A table that is not partitioned has no partition root.
CREATE OR REPLACE FUNCTION archive.is_moving(relation regclass) RETURNS boolean
LANGUAGE sql STABLE
RETURN coalesce(
    pg_catalog.starts_with(pg_catalog.current_setting('archive.moving', true), pg_catalog.pg_current_xact_id_if_assigned()::text || ':')
    AND (pg_catalog.strpos(pg_catalog.translate(pg_catalog.current_setting('archive.moving', true), '~', ','),
             pg_catalog.concat(',', relation::oid, ',')) > 0
         OR pg_catalog.strpos(pg_catalog.translate(pg_catalog.current_setting('archive.moving', true), '~', ','),
             pg_catalog.concat(',', coalesce(pg_catalog.pg_partition_root(relation), relation)::oid, ',')) > 0), false);

-- The tables of the conditions `NOT archive.is_moving(table)` that a trigger's WHEN begins with: it does not fire while rows of
-- one of them move. NULL for any other trigger, also where the condition is part of an OR.
CREATE OR REPLACE FUNCTION archive.suspended_while(trigger oid) RETURNS oid[]
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    condition  text := $re$\(NOT archive\.is_moving\('(?:[^']|'')+'::regclass\)\)$re$;
    definition text;
    found      text[];
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.oid = trigger AND t.tgqual IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    -- Without the names before the condition, which could contain anything.
    definition := regexp_replace(pg_get_triggerdef(trigger), $re$^(?:[^"']|"(?:[^"]|"")*")*? FOR EACH (?:ROW|STATEMENT)$re$, '');
    -- PostgreSQL writes the operands of one AND without parentheses between them.
    found := regexp_match(definition, format(
        $re$^ WHEN \((?:(%1$s)\) EXECUTE |\(((?:%1$s AND )+(?:%1$s\)\) EXECUTE )?))$re$, condition));
    -- On this search_path the definition contains the schemas. The catalog is read, since to_regclass() raises for a schema
    -- that the role may not use.
    RETURN (SELECT array_agg(c.oid)
            FROM regexp_matches(coalesce(found[1], found[2]), $re$is_moving\('((?:[^']|'')+)'::regclass$re$, 'g') AS t(name)
            CROSS JOIN LATERAL parse_ident(replace(t.name[1], $q$''$q$, $q$'$q$)) AS i(parts)
            JOIN pg_namespace AS n ON n.nspname = i.parts[1] JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = i.parts[2]);
END
$$;

-- The trigger function of one guarded table and its partitions: see guard/function.rs for the values of the places in braces.
--
-- A row that was deleted is archived if it is in the archive table when the statement has ended, the same to the byte, in an archival that is not
-- restored and not purged, since about the beginning of the transaction. No setting is trusted, and it does not matter what deletes.
--
-- A plan that is cached for a small archive table must not read all of a large one: there are no sequential scans, and OFFSET 0 lets each row be
-- found by the index of its key.
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS {body}
#variable_conflict use_column
<<caught>>
DECLARE
    v_rows        bigint;
    v_keys        jsonb;
    v_transaction bigint;
    v_at          timestamptz;
    v_actor       text;
    v_by          {actor_type};
    v_reason      text;
    v_first       boolean;
    v_truncated   oid[];
BEGIN
    -- A name that no table has would be an error of PostgreSQL.
    IF to_regclass({archive_name}) IS NULL THEN
        PERFORM archive.guard_fits({id}, {archive_name}, false);
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM FROM old_rows AS o LEFT JOIN (SELECT FROM {archive_table} LIMIT 0) AS d ON true
        WHERE archive.guard_fits({id}, {archive_name}, false) LIMIT 1;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        SELECT count(*) INTO v_rows FROM old_rows AS o WHERE archive.stays_trusted({archive_name}::regclass) AND {missing};
        IF v_rows > 0 THEN
{deleted}
        END IF;
        RETURN NULL;
    END IF;
    -- A subscriber gets the rows of the archive table from the publisher.
    IF current_setting('session_replication_role') = 'replica' AND archive.is_subscriber() THEN
        RETURN NULL;
    END IF;
{truncated}
    RETURN NULL;
END
{body};

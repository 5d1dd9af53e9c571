-- The body of the trigger function of the archive table of an audited table: rows that a move inserts there were archived, rows
-- that a move deletes there were restored, and any other change comes from plain SQL.
#variable_conflict use_column
DECLARE
    v_moving boolean := {moving};
    v_fits   boolean := true;
    v_settings text[];
    v_rows   bigint;
    v_digest bytea;
    v_valued boolean;
    v_early  boolean;
BEGIN
    -- A subscriber gets the entries of the publisher.
    IF current_setting('session_replication_role') = 'replica' AND archive.is_subscriber() THEN
        RETURN NULL;
    END IF;
    -- Rows that arrived and have not left the table yet may be any rows: a session only has to announce a move. So a change or
    -- deletion of them before the move ends is refused: it would record their values as those of archived rows.
    IF TG_OP <> 'INSERT' AND EXISTS (SELECT FROM archive.audit_move AS o
                                     WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation <> 'RETURNS') THEN
        IF TG_OP = 'TRUNCATE' THEN
            v_early := true;
        ELSIF TG_OP = 'DELETE' THEN
            PERFORM FROM old_rows AS b LIMIT 1;
            v_early := FOUND;
        ELSE
            -- An archive itself updates rows that were archived before: it cuts their links.
            PERFORM FROM old_rows AS b WHERE NOT archive.audit_fits({id}, true) LIMIT 1;
            v_early := FOUND;
            IF NOT v_early THEN
                PERFORM FROM old_rows AS b JOIN archive.audit_move AS o ON array_position(o.archivals, b.{archival_id}) IS NOT NULL
                WHERE o.transaction_id = {transaction} AND o.audited = {id};
                v_early := FOUND;
            END IF;
        END IF;
        IF v_early THEN
            RAISE EXCEPTION USING ERRCODE = 'AR008', MESSAGE = format(
                'rows of %s move between it and its archive table, and rows of the archive table were changed or removed before all of '
                'them had arrived: let triggers change no row of a table that is archived in the same statement, and leave the '
                'setting archive.moving alone', {name});
        END IF;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM new_rows AS a WHERE archive.audit_fits({id}, true) LIMIT 1;
        v_fits := FOUND;
        IF v_fits AND v_moving THEN
            SELECT count(*), {digest} INTO v_rows, v_digest FROM (SELECT {image_of_a} AS image FROM new_rows AS a) AS d;
            DELETE FROM archive.audit_move AS h
            WHERE h.id = (SELECT min(o.id) FROM archive.audit_move AS o
                          WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'LEFT' AND o.digest = v_digest);
            IF NOT FOUND THEN
                SET CONSTRAINTS archive.refuse_lost_rows DEFERRED;
                INSERT INTO archive.audit_move (transaction_id, audited, operation, rows, digest, archivals)
                SELECT {transaction}, {id}, 'ARRIVED', v_rows, v_digest, array_agg(DISTINCT a.{archival_id}) FROM new_rows AS a;
            END IF;
            INSERT INTO archive.audit_entry ({target}, archival_id)
            SELECT (SELECT clock_timestamp()), {transaction}, 'ARCHIVE', {name}, {key_of_a}, NULL, NULL, NULL,
                   {tenant_of_a}, {context_once}, a.{archival_id}
            FROM new_rows AS a;
            RETURN NULL;
        END IF;
        PERFORM FROM new_rows AS a LIMIT 1;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM FROM old_rows AS b WHERE archive.audit_fits({id}, true) LIMIT 1;
        v_fits := FOUND;
        IF v_fits AND v_moving THEN
            -- Where rows may come back with other values, since links are put back during the move or a column is computed, their
            -- values and images are recorded too. Elsewhere any change is refused.
            v_valued := {is_computed} OR strpos(current_setting('archive.moving', true), '~' || TG_RELID || ',') > 0;
            SET CONSTRAINTS archive.refuse_lost_rows DEFERRED;
            IF v_valued THEN
                INSERT INTO archive.audit_move (transaction_id, audited, operation, rows, digest, keys, images)
                SELECT {transaction}, {id}, 'RETURNS', count(*), {digest}, {digest_of_keys}, array_agg(d.image)
                FROM (SELECT {image_of_key_b} AS key_image, {image_of_b} AS image FROM old_rows AS b) AS d;
            ELSE
                INSERT INTO archive.audit_move (transaction_id, audited, operation, rows, digest)
                SELECT {transaction}, {id}, 'RETURNS', count(*), {digest} FROM (SELECT {image_of_b} AS image FROM old_rows AS b) AS d;
            END IF;
            INSERT INTO archive.audit_entry ({target}, archival_id)
            SELECT (SELECT clock_timestamp()), {transaction}, 'RESTORE', {name}, {key_of_b}, CASE WHEN o.is_valued THEN {whole_b} END,
                   NULL, NULL, {tenant_of_b}, {context_once}, b.{archival_id}
            FROM (SELECT v_valued AS is_valued) AS o CROSS JOIN old_rows AS b;
            RETURN NULL;
        END IF;
        PERFORM FROM old_rows AS b LIMIT 1;
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM FROM old_rows AS b LIMIT 1;
    ELSE
        -- Sets FOUND: before a TRUNCATE the number of rows is not known.
        PERFORM 1;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF v_moving AND NOT v_fits THEN
        RAISE EXCEPTION USING ERRCODE = 'AR011', MESSAGE = format(
            'the archive table of %s got other columns since it was audited, so the log could not record that rows were archived or '
            'restored: call manager.install_audit() again first', {name});
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM archive.require_trusted(TG_RELID);
        PERFORM archive.audit_refuse_hidden(TG_RELID);
    END IF;
    v_settings := archive.audit_settings(TG_OP = 'TRUNCATE');
    EXECUTE archive.audit_statement(TG_OP, TG_RELID, {id}, true, {excluded}, {tenant_number})
    USING {name}, {context_values};
    PERFORM archive.audit_put_back(v_settings);
    RETURN NULL;
END

-- The body of the trigger function of one audited table: see audit/function.rs for the values of the places in braces.
#variable_conflict use_column
DECLARE
    v_old    record;
    v_new    record;
    v_before jsonb := '{}'::jsonb;
    v_after  jsonb := '{}'::jsonb;
    v_hidden text;
    v_jit    text;
    v_many   boolean;
    v_rows   bigint;
    v_count  bigint;
    v_table  oid;
    v_settings text[];
    v_keys   bytea;
    v_digest bytea;
    v_images bytea[];
BEGIN
    -- A subscriber gets the entries of the publisher.
    IF current_setting('session_replication_role') = 'replica' AND archive.is_subscriber() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        -- The common case of one row: it is read into variables, so that only changed columns are written as JSON.
        PERFORM FROM old_rows AS b OFFSET 1 LIMIT 1;
        IF NOT FOUND THEN
            SELECT * INTO v_old FROM old_rows AS b WHERE archive.audit_fits({id}, false);
            IF FOUND THEN
                SELECT * INTO v_new FROM new_rows AS b;
                IF FOUND AND {same_key_of_variables} THEN
{differences}
                    IF {same_of_variables} THEN
                        RETURN NULL;
                    END IF;
                    -- A long actor or tenant takes the path below, which cuts it.
                    IF {context_is_short} THEN
                        INSERT INTO archive.audit_entry ({target}, whole)
                        VALUES (clock_timestamp(), {transaction}, 'UPDATE', {name}, {key_of_v_new}, {old_and_new_of_variables},
                                {hidden_of_variables}, {tenant_of_v_new}, {short_context}, {sample_of_v_old});
                        RETURN NULL;
                    END IF;
                END IF;
            END IF;
        END IF;
        PERFORM FROM old_rows AS b WHERE archive.audit_fits({id}, false) LIMIT 1;
        IF FOUND THEN
            -- A plan that was built for many rows is cached for single rows too, and would be compiled each time.
            v_jit := current_setting('jit');
            PERFORM set_config('jit', 'off', true);
            -- Rows are joined by key and not by order: a trigger on a partition may have dropped one of them. A row without a
            -- counterpart is written column by column: a whole-row reference would be sorted a second time.
            INSERT INTO archive.audit_entry ({target}, whole)
            SELECT (SELECT clock_timestamp()), {transaction}, d.operation, {name}, d.key,
                   CASE d.operation WHEN 'UPDATE' THEN ('{' || substr(d.before, 2) || '}')::jsonb WHEN 'DELETE' THEN d.whole_before END,
                   CASE d.operation WHEN 'UPDATE' THEN ('{' || substr(d.after, 2) || '}')::jsonb WHEN 'INSERT' THEN d.whole_after END,
                   CASE d.operation WHEN 'UPDATE' THEN ('[' || substr(d.hidden, 2) || ']')::jsonb ELSE {redacted} END,
                   d.tenant, {context_once}, d.sample
            FROM (SELECT CASE WHEN {b_is_missing} THEN 'INSERT' WHEN {a_is_missing} THEN 'DELETE' ELSE 'UPDATE' END AS operation,
                         CASE WHEN {b_is_missing} THEN {key_of_a} ELSE {key_of_b} END AS key,
                         CASE WHEN {both} THEN nullif({text_before}, '') END AS before,
                         CASE WHEN {both} THEN nullif({text_after}, '') END AS after,
                         CASE WHEN {both} THEN nullif({text_hidden}, '') END AS hidden,
                         CASE WHEN {a_is_missing} THEN {whole_b_by_columns} END AS whole_before,
                         CASE WHEN {b_is_missing} THEN {whole_a_by_columns} END AS whole_after,
                         CASE WHEN {both} THEN {sample_of_b} END AS sample,
                         CASE WHEN {a_is_missing} THEN {tenant_of_b} ELSE {tenant_of_a} END AS tenant
                  FROM old_rows AS b FULL JOIN new_rows AS a ON {same_key} OFFSET 0) AS d
            WHERE d.operation <> 'UPDATE' OR d.before IS NOT NULL OR d.hidden IS NOT NULL;
            PERFORM set_config('jit', v_jit, true);
            RETURN NULL;
        END IF;
        PERFORM FROM old_rows AS b LIMIT 1;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM FROM new_rows AS a OFFSET 1 LIMIT 1;
        v_many := FOUND;
        SELECT * INTO v_new FROM new_rows AS a WHERE archive.audit_fits({id}, false);
        IF FOUND THEN
{arrival}
            IF NOT v_many AND {context_is_short} THEN
                INSERT INTO archive.audit_entry ({target})
                VALUES (clock_timestamp(), {transaction}, 'INSERT', {name}, {key_of_v_new}, NULL, {whole_v_new}, {redacted},
                        {tenant_of_v_new}, {short_context});
                RETURN NULL;
            END IF;
            v_jit := current_setting('jit');
            PERFORM set_config('jit', 'off', true);
            INSERT INTO archive.audit_entry ({target})
            SELECT (SELECT clock_timestamp()), {transaction}, 'INSERT', {name}, {key_of_a}, NULL, {whole_a}, {redacted},
                   {tenant_of_a}, {context_once}
            FROM new_rows AS a;
            PERFORM set_config('jit', v_jit, true);
            RETURN NULL;
        END IF;
        PERFORM FROM new_rows AS a LIMIT 1;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM FROM old_rows AS b OFFSET 1 LIMIT 1;
        v_many := FOUND;
        SELECT * INTO v_old FROM old_rows AS b WHERE archive.audit_fits({id}, false);
        IF FOUND THEN
{departure}
            IF NOT v_many AND {context_is_short} THEN
                INSERT INTO archive.audit_entry ({target})
                VALUES (clock_timestamp(), {transaction}, 'DELETE', {name}, {key_of_v_old}, {whole_v_old}, NULL, {redacted},
                        {tenant_of_v_old}, {short_context});
                RETURN NULL;
            END IF;
            v_jit := current_setting('jit');
            PERFORM set_config('jit', 'off', true);
            INSERT INTO archive.audit_entry ({target})
            SELECT (SELECT clock_timestamp()), {transaction}, 'DELETE', {name}, {key_of_b}, {whole_b}, NULL, {redacted},
                   {tenant_of_b}, {context_once}
            FROM old_rows AS b;
            PERFORM set_config('jit', v_jit, true);
            RETURN NULL;
        END IF;
        PERFORM FROM old_rows AS b LIMIT 1;
    ELSE
        -- TRUNCATE has no transition table, so the rows are read before it. The triggers of partitions record their own rows. A
        -- partition that was attached later has no trigger: the trigger of the table above it records its rows.
        v_settings := archive.audit_settings(true);
        v_rows := 0;
        FOR v_table IN
            SELECT p.relid FROM (SELECT TG_RELID AS relid UNION SELECT t.relid FROM pg_partition_tree(TG_RELID) AS t) AS p
            WHERE p.relid = TG_RELID OR NOT EXISTS (
                SELECT FROM (SELECT p.relid UNION SELECT n.relid FROM pg_partition_ancestors(p.relid) AS n) AS n
                JOIN pg_trigger AS g ON g.tgrelid = n.relid AND g.tgname = 'archive_audit_truncate'
                WHERE n.relid <> TG_RELID AND n.relid IN (SELECT t.relid FROM pg_partition_tree(TG_RELID) AS t))
        LOOP
            PERFORM archive.require_trusted(v_table);
            PERFORM archive.audit_refuse_hidden(v_table);
            EXECUTE archive.audit_statement('TRUNCATE', v_table, {id}, false, {excluded}, {tenant_number})
            USING {name}, {context_values};
            GET DIAGNOSTICS v_count = ROW_COUNT;
            v_rows := v_rows + v_count;
        END LOOP;
        PERFORM archive.audit_put_back(v_settings);
        IF v_rows = 0 AND TG_RELID = (SELECT w.relation FROM archive.audited_table AS w WHERE w.id = {id}) THEN
            INSERT INTO archive.audit_entry ({target})
            VALUES (clock_timestamp(), {transaction}, 'TRUNCATE', {name}, NULL, NULL, NULL, NULL, {tenant}, {context});
        END IF;
        RETURN NULL;
    END IF;
    IF FOUND THEN
        -- The columns of the table changed since this function was written: this statement is slower and reads any columns, but
        -- cannot distinguish a move from a deletion.
        IF {moving} THEN
            RAISE EXCEPTION USING ERRCODE = 'AR011', MESSAGE = format(
                '%s got other columns since it was audited, so the log could not record that its rows were archived or restored: '
                'call manager.install_audit() again first', {name});
        END IF;
        v_settings := archive.audit_settings(false);
        EXECUTE archive.audit_statement(TG_OP, TG_RELID, {id}, false, {excluded}, {tenant_number})
        USING {name}, {context_values};
        PERFORM archive.audit_put_back(v_settings);
    END IF;
    RETURN NULL;
END

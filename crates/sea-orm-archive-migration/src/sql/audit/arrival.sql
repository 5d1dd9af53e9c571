            IF strpos(coalesce(current_setting('archive.moving', true), ''), ',' || TG_RELID || ',') > 0 THEN
                -- They come back: the twin's trigger has told of them already, when it saw them leave.
                DELETE FROM archive.audit_handover AS h USING (
                    SELECT count(*) AS rows, {digest_of_keys_a} AS keys, {digest_a} AS digest FROM new_rows AS a
                ) AS s
                WHERE h.transaction_id = {transaction} AND h.audited = {id} AND h.operation = 'RESTORE'
                  AND h.rows = s.rows AND h.keys = s.keys
                RETURNING (h.digest = s.digest)::integer INTO v_rows;
                IF FOUND THEN
                    IF v_rows = 0 THEN
                        -- Links that were cut were put back on the way.
                        INSERT INTO archive.audit_entry ({target})
                        SELECT clock_timestamp(), {transaction}, 'UPDATE', {name}, {key_of_a}, NULL, {whole_a}, {redacted},
                               {tenant_of_a}, {context_once}
                        FROM new_rows AS a;
                    END IF;
                    RETURN NULL;
                END IF;
            END IF;

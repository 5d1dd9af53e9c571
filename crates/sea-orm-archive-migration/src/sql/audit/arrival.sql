            IF strpos(coalesce(current_setting('archive.moving', true), ''), ',' || TG_RELID || ',') > 0 THEN
                -- They come back: the twin's trigger has told of them already, when it saw them leave.
                SELECT count(*), {digest_of_keys_a}, {digest_a} INTO v_rows, v_keys, v_digest FROM new_rows AS a;
                DELETE FROM archive.audit_handover AS h
                WHERE h.id = (SELECT min(o.id) FROM archive.audit_handover AS o
                              WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'RETURNS' AND o.rows = v_rows AND o.keys = v_keys)
                RETURNING h.digest - v_digest INTO v_digest;
                IF FOUND THEN
                    IF v_digest <> 0 THEN
                        -- Links that were cut were put back on the way.
                        INSERT INTO archive.audit_entry ({target})
                        SELECT (SELECT clock_timestamp()), {transaction}, 'UPDATE', {name}, {key_of_a}, NULL, {whole_a}, {redacted},
                               {tenant_of_a}, {context_once}
                        FROM new_rows AS a;
                    END IF;
                    RETURN NULL;
                END IF;
            END IF;

            IF strpos(coalesce(current_setting('archive.moving', true), ''), ',' || TG_RELID || ',') > 0 THEN
                -- They are being archived: the twin's trigger tells of them. It fires before this one where a
                -- foreign key cascades to this table, and after it otherwise.
                SELECT count(*), {digest_of_keys_b}, {digest_b} INTO v_rows, v_keys, v_digest FROM old_rows AS b;
                DELETE FROM archive.audit_handover AS h
                WHERE h.id = (SELECT min(o.id) FROM archive.audit_handover AS o
                              WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'ARRIVED' AND o.rows = v_rows AND o.keys = v_keys AND o.digest = v_digest);
                IF NOT FOUND THEN
                    SET CONSTRAINTS archive.refuse_lost_rows DEFERRED;
                    INSERT INTO archive.audit_handover (transaction_id, audited, operation, rows, keys, digest)
                    VALUES ({transaction}, {id}, 'LEFT', v_rows, v_keys, v_digest);
                END IF;
                RETURN NULL;
            END IF;

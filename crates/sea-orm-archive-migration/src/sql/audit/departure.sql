            IF strpos(coalesce(current_setting('archive.moving', true), ''), ',' || TG_RELID || ',') > 0 THEN
                -- They are being archived: the twin's trigger tells of them when it has seen them arrive.
                SET CONSTRAINTS archive.refuse_lost_rows DEFERRED;
                INSERT INTO archive.audit_handover (transaction_id, audited, operation, rows, keys, digest)
                SELECT {transaction}, {id}, 'ARCHIVE', count(*), {digest_of_keys_b}, {digest_b} FROM old_rows AS b;
                RETURN NULL;
            END IF;

            IF {moving} THEN
                -- The rows are being archived, and the trigger of the archive table records them. It fires before this one where a
                -- foreign key cascades to this table, and after it otherwise.
                SELECT count(*), {digest} INTO v_rows, v_digest FROM (SELECT {image_of_b} AS image FROM old_rows AS b) AS d;
                DELETE FROM archive.audit_move AS h
                WHERE h.id = (SELECT min(o.id) FROM archive.audit_move AS o
                              WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'ARRIVED' AND o.digest = v_digest);
                IF NOT FOUND THEN
                    SET CONSTRAINTS archive.refuse_lost_rows DEFERRED;
                    INSERT INTO archive.audit_move (transaction_id, audited, operation, rows, digest)
                    VALUES ({transaction}, {id}, 'LEFT', v_rows, v_digest);
                END IF;
                RETURN NULL;
            END IF;

            IF {moving} THEN
                -- The rows come back from the archive table, whose trigger has recorded them already.
                SELECT {digest} INTO v_digest FROM (SELECT {image_of_a} AS image FROM new_rows AS a) AS d;
                DELETE FROM archive.audit_move AS h
                WHERE h.id = (SELECT min(o.id) FROM archive.audit_move AS o
                              WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'RETURNS' AND o.digest = v_digest);
                IF FOUND THEN
                    RETURN NULL;
                END IF;
                -- Where it recorded their values too, the same rows may come back with other values.
                PERFORM FROM archive.audit_move AS o
                WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'RETURNS' AND o.images IS NOT NULL;
                IF FOUND THEN
                    SELECT {digest_of_keys} INTO v_keys FROM (SELECT {image_of_key_a} AS key_image FROM new_rows AS a) AS d;
                    DELETE FROM archive.audit_move AS h
                    WHERE h.id = (SELECT min(o.id) FROM archive.audit_move AS o
                                  WHERE o.transaction_id = {transaction} AND o.audited = {id} AND o.operation = 'RETURNS'
                                    AND o.images IS NOT NULL AND o.keys = v_keys)
                    RETURNING h.images INTO v_images;
                    IF FOUND THEN
                        -- Rows whose image changed during the move: links were put back, or generated columns are computed in
                        -- another way now.
                        INSERT INTO archive.audit_entry ({target})
                        SELECT (SELECT clock_timestamp()), {transaction}, 'UPDATE', {name}, {key_of_a}, NULL, {whole_a}, {redacted},
                               {tenant_of_a}, {context_once}
                        FROM new_rows AS a LEFT JOIN (SELECT unnest(v_images) AS image) AS i ON i.image = {image_of_a}
                        WHERE i.image IS NULL;
                        RETURN NULL;
                    END IF;
                END IF;
            END IF;

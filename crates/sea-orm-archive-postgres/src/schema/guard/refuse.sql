            SELECT jsonb_agg(k.key) INTO v_keys FROM (SELECT {key} AS key FROM {source} AS o WHERE {rows} LIMIT 10) AS k;
            PERFORM archive.refuse_deletion(TG_RELID, TG_OP, v_rows, v_keys);

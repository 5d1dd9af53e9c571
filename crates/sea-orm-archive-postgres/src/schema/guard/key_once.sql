            -- The primary key of a partitioned archive table does not refuse a key that is archived already. Above READ COMMITTED that row may not
            -- be visible.
            IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
                RAISE EXCEPTION USING ERRCODE = 'AR020', MESSAGE = format(
                    'rows of %s are caught in a transaction that is READ COMMITTED, since its archive table is partitioned, and this one is %s',
                    TG_RELID::regclass, upper(current_setting('transaction_isolation')));
            END IF;
            SELECT {key} INTO v_keys FROM {source} AS o CROSS JOIN LATERAL (SELECT o.*) AS p
            WHERE {rows} AND (SELECT count(*) FROM {archive_table} AS d WHERE {same_key}) > 1 LIMIT 1;
            IF FOUND THEN
                PERFORM archive.stop_archived_key({archive_name}::regclass, v_keys);
            END IF;

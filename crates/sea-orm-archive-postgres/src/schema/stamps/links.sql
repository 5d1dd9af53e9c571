

    -- The values that a foreign key writes are left as they are: a link that is cut, ON DELETE SET NULL, ON UPDATE CASCADE. With
    -- the old value the row would refer to no row.
    IF ROW({new})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({old})::pg_catalog.record
       AND (announced OR pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1) THEN
        linked := ARRAY(
            SELECT a.attname::pg_catalog.text
            FROM pg_catalog.pg_constraint AS k
            JOIN pg_catalog.pg_attribute AS a
              ON a.attrelid OPERATOR(pg_catalog.=) k.conrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.conkey)
            WHERE k.conrelid OPERATOR(pg_catalog.=) TG_RELID AND k.contype OPERATOR(pg_catalog.=) 'f'
              AND (announced
                   OR k.confdeltype OPERATOR(pg_catalog.=) ANY (ARRAY['n', 'd']::pg_catalog."char"[])
                   OR k.confupdtype OPERATOR(pg_catalog.=) ANY (ARRAY['c', 'n', 'd']::pg_catalog."char"[]))
              AND ({changed}));
    END IF;

actor := pg_catalog.current_setting({actor}, true);
    IF actor OPERATOR(pg_catalog.=) '' THEN
        actor := NULL;
    END IF;
    BEGIN
        {column} := actor;
    EXCEPTION WHEN data_exception OR check_violation THEN
        RAISE EXCEPTION USING
            ERRCODE = SQLSTATE, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = {name},
            MESSAGE = pg_catalog.concat(
                'the actor "', actor, '" of the context does not fit ', {text}, ' of ', TG_TABLE_SCHEMA, '.',
                TG_TABLE_NAME, ' (', SQLERRM, '), so nothing was written: give the context an actor of the type of '
                'that column, or the column the type of your actors');
    END;

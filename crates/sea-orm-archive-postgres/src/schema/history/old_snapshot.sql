IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            SCHEMA = {child_schema}, TABLE = {child_name}, CONSTRAINT = {name},
            MESSAGE = format('a version of %s cannot be shortened or deleted in a %s transaction, since its snapshot may not show rows of %s that need it',
                             {history_text}, current_setting('transaction_isolation'), {child_text}),
            HINT = 'Use READ COMMITTED for statements that end versions.';
    END IF;

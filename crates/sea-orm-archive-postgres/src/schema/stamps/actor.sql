-- The actor of the context as a value of another type: the default of created_by and updated_by. The argument only determines
-- the type.
--
-- It reads the setting itself, so that a role needs no rights in this schema to insert a row. Every operator in it is qualified,
-- since its own search_path would cost more than the rest of the function.
CREATE OR REPLACE FUNCTION archive.actor_as(kind anyelement) RETURNS anyelement
LANGUAGE plpgsql STABLE AS $$
DECLARE
    actor pg_catalog.text := pg_catalog.current_setting({actor}, true);
BEGIN
    IF actor OPERATOR(pg_catalog.<>) '' THEN
        kind := actor;
        RETURN kind;
    END IF;
    RETURN NULL;
EXCEPTION WHEN data_exception OR check_violation THEN
    RAISE EXCEPTION USING
        ERRCODE = SQLSTATE,
        MESSAGE = pg_catalog.concat(
            'the actor "', actor, '" of the context does not fit the column for the creator of the row (', SQLERRM,
            '), so nothing was written: give the context an actor of the type of that column, or the column the '
            'type of your actors');
END
$$;

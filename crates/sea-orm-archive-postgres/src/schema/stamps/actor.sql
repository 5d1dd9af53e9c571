-- The actor of the context as a value of another type: the default of created_by and updated_by. The argument
-- says the type and nothing else.
--
-- It reads the setting itself, so that a role needs no rights in this schema to insert a row; every operator in
-- it is qualified, since a search_path of its own would cost more than all the rest.
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
            'the actor "', actor, '" of the context does not fit the column that says who made the row (', SQLERRM,
            '), so nothing was written: give the context an actor of the type of that column, or the column the '
            'type of your actors');
END
$$;

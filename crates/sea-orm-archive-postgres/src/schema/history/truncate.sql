CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS {body}
#variable_conflict use_column
DECLARE
    needed  record;
    trusted boolean;
BEGIN
    IF {child_is_dropped} THEN
        RETURN NULL;
    END IF;
    trusted := {child_is_trusted};
    {refuse_old_snapshot}

    -- This runs after the statement: a child that was truncated with the history has no row that needs a version.
    SELECT {c_key} AS culprit, {c_identity} AS identity, {c_time} AS time INTO needed
    FROM {child} AS c WHERE {c_refers} LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = {child_schema}, TABLE = {child_name}, CONSTRAINT = {name},
            MESSAGE = concat(
                format('truncate of table %s violates temporal foreign key %s on table %s: ', {history_text}, {name_text}, {child_text}),
                CASE WHEN {child_is_readable}
                     THEN format('row %s refers to %s %s', needed.culprit, needed.identity, needed.time)
                     ELSE format('rows of %s refer to it; this role may not read that table, so they are not shown', {child_text})
                END),
            HINT = format('Truncate %s with it.', {child_text});
    END IF;
    RETURN NULL;
END
{body}

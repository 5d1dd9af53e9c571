CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS {body}
#variable_conflict use_column
DECLARE
    needed  record;
    trusted boolean := {identity_is_trusted} AND {history_is_trusted};
BEGIN
    -- Race: the identities are locked first, in the order of their key. A write of a row that needs a version locks them too.
    PERFORM FROM (
        SELECT DISTINCT {o_identity} FROM ({ended}) AS o ORDER BY {o_identity}
    ) AS o
    CROSS JOIN LATERAL (
        SELECT FROM {identity_table} AS i WHERE {i_is_o} FOR NO KEY UPDATE
    ) AS locked;

    -- The child is read only if a time was covered before the statement and is not covered after it.
    PERFORM FROM ({lost}) AS g LIMIT 1;
    IF NOT FOUND OR {child_is_dropped} THEN
        RETURN NULL;
    END IF;
    trusted := {child_is_trusted};
    {refuse_old_snapshot}

    SELECT d.*, {g_columns} INTO needed FROM ({lost}) AS g
    CROSS JOIN LATERAL (
        SELECT {c_key} AS culprit, {c_time} AS time FROM {child} AS c
        WHERE {c_is_g} AND {c_needs_g}
        ORDER BY c.{starts} LIMIT 1
    ) AS d
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = {child_schema}, TABLE = {child_name}, CONSTRAINT = {name},
            MESSAGE = concat(
                format('update or delete on table %s violates temporal foreign key %s on table %s: ', {history_text}, {name_text}, {child_text}),
                CASE WHEN {child_is_readable}
                     THEN format('row %s refers to %s %s, and would have no version of it then', needed.culprit, {needed_identity}, needed.time)
                     ELSE format('rows of %s would no longer have a version; this role may not read that table, so they are not shown', {child_text})
                END),
            DETAIL = CASE WHEN {child_is_readable}
                          THEN format('The statement leaves %s without a version %s.', {needed_identity}, needed.time)
                          ELSE format('To see the rows, the role needs SELECT on %s and no row-level security there.', {child_text}) END,
            HINT = 'Let another version cover this time in the same statement, or move or delete the row first.';
    END IF;
    RETURN NULL;
END
{body}

CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS {body}
#variable_conflict use_column
DECLARE
    lacking record;
    culprit text;
    trusted boolean := {identity_is_trusted} AND {history_is_trusted} AND {child_has_columns};
BEGIN
    -- Race: the identities are locked first, in the order of their key. A transaction that ends a version locks them too, before
    -- it reads the rows that need the version, so one of the two waits for the other.
    PERFORM FROM (
        SELECT DISTINCT {w_identity} FROM ({wanted}) AS w ORDER BY {w_identity}
    ) AS w
    CROSS JOIN LATERAL (
        SELECT FROM {identity_table} AS i WHERE {i_is_w} FOR SHARE
    ) AS locked;

    -- An old snapshot does not show that a version has ended. Locking the version then fails with 40001.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        PERFORM FROM (SELECT DISTINCT * FROM ({wanted}) AS w ORDER BY {w_identity}, starts) AS w
        CROSS JOIN LATERAL (
            SELECT FROM {history} AS h
            WHERE {h_is_w} AND {h_overlaps_w}{h_is_current}
            ORDER BY h.{valid_from} FOR SHARE
        ) AS locked;
    END IF;

    -- A separate statement: its snapshot shows what was committed before the locks were acquired.
    SELECT w.* INTO lacking FROM ({wanted}) AS w
    WHERE NOT {covered}
    ORDER BY {w_identity}, w.starts LIMIT 1;
    IF FOUND THEN
        SELECT {n_key} INTO culprit FROM {new_rows} AS n WHERE {n_is_lacking} ORDER BY 1 LIMIT 1;
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation',
            SCHEMA = {child_schema}, TABLE = {child_name}, CONSTRAINT = {name},
            MESSAGE = concat(
                format('insert or update on table %s violates temporal foreign key %s: ', {child_text}, {name_text}),
                CASE WHEN {child_is_readable}
                     THEN format('row %s refers to %s %s, and %s has no version of it then', culprit, {lacking_identity}, {lacking_time}, {history_text})
                     ELSE format('%s has no version at the time of a row; this role may not read %s, so the row is not shown', {history_text}, {child_text})
                END),
            DETAIL = CASE WHEN {child_is_readable}
                          THEN format('The versions of %s in %s do not cover the time %s.', {lacking_identity}, {history_text}, {lacking_time})
                          ELSE format('To see the row, the role needs SELECT on %s and no row-level security there.', {child_text}) END,
            HINT = 'Insert a version that is valid then first, or correct the identity or the time of the row.';
    END IF;
    RETURN NULL;
END
{body}

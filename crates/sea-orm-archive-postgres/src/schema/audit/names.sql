-- The names of columns in entries. An entry has the names that its columns had when it was written; the numbers of columns, which
-- no ALTER TABLE changes, identify them after a rename.

-- Records the present names and numbers of the columns of an audited table, and its key. The helpers that write its trigger
-- functions call it, with the table locked against writes.
--
-- `since` of a name is the time of this call, and `after` that of the call before it: where a name belonged to another column
-- before, the columns changed between the two.
CREATE OR REPLACE FUNCTION archive.audit_record_names(audited integer) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched archive.audited_table;
    place   text;
    present smallint[];
BEGIN
    SELECT r.* INTO watched FROM archive.audited_table AS r WHERE r.id = audited;
    place := archive.place_of(watched.relation);
    present := (SELECT i.indkey::smallint[] FROM pg_index AS i WHERE i.indrelid = watched.relation AND i.indisprimary);
    IF watched.known_place <> place THEN
        -- A dump and a restore numbered the columns again. The latest name of each column identifies it.
        watched.column_names := (
            SELECT coalesce(jsonb_agg(jsonb_set(n.recorded, '{number}', to_jsonb(c.attnum))), '[]')
            FROM (SELECT n.recorded, first_value(n.recorded ->> 'name') OVER (
                             PARTITION BY n.recorded -> 'number' ORDER BY (n.recorded ->> 'since')::timestamptz DESC) AS latest
                  FROM jsonb_array_elements(watched.column_names) AS n (recorded)) AS n
            JOIN pg_attribute AS c ON c.attrelid = watched.relation AND c.attname = n.latest AND c.attnum > 0 AND NOT c.attisdropped);
        watched.key_columns := present;
    END IF;
    UPDATE archive.audited_table AS r
    SET column_names = watched.column_names || (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'name', c.attname, 'number', c.attnum, 'since', clock_timestamp(),
                       'after', coalesce(watched.known_at, clock_timestamp()))), '[]')
            FROM pg_attribute AS c
            WHERE c.attrelid = watched.relation AND c.attnum > 0 AND NOT c.attisdropped
              AND c.attnum IS DISTINCT FROM (
                  SELECT n.number FROM jsonb_to_recordset(watched.column_names) AS n (name text, number smallint, since timestamptz)
                  WHERE n.name = c.attname ORDER BY n.since DESC LIMIT 1)),
        key_since = CASE WHEN watched.key_columns <> present THEN clock_timestamp() ELSE watched.key_since END,
        key_columns = present,
        known_names = ARRAY(SELECT c.attname::text FROM pg_attribute AS c
                            WHERE c.attrelid = watched.relation AND c.attnum > 0 AND NOT c.attisdropped ORDER BY c.attnum),
        known_place = place,
        known_at = clock_timestamp()
    WHERE r.id = audited;
END
$$;

-- What the names of columns in entries of a table mean: an entry that was written from `valid_from` until before `valid_to` has
-- the name `name` for the column that is called `name_now`, which is NULL where it was dropped. No row for a time at which the
-- name may have belonged to one of two columns.
--
-- After a dump and a restore, until a helper has recorded the new numbers, each name is that of the column that has it now.
CREATE OR REPLACE FUNCTION archive.audit_names(audited integer) RETURNS TABLE (
    name text, valid_from timestamptz, valid_to timestamptz, name_now text
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH watched AS (
        SELECT r.relation, r.known_at,
               CASE WHEN r.known_place = archive.place_of(r.relation) THEN r.column_names ELSE '[]' END AS column_names
        FROM archive.audited_table AS r WHERE r.id = audited
    ),
    recorded AS (
        SELECT n.* FROM watched AS w
        CROSS JOIN LATERAL jsonb_to_recordset(w.column_names) AS n (name text, number smallint, since timestamptz, after timestamptz)
    ),
    named AS (
        SELECT n.name, n.number, n.since, n.after FROM recorded AS n
        UNION ALL
        -- Columns that were renamed or added since.
        SELECT c.attname::text, c.attnum, 'infinity', w.known_at
        FROM watched AS w JOIN pg_attribute AS c ON c.attrelid = w.relation AND c.attnum > 0 AND NOT c.attisdropped
        WHERE c.attnum IS DISTINCT FROM (SELECT n.number FROM recorded AS n WHERE n.name = c.attname ORDER BY n.since DESC LIMIT 1)
    )
    SELECT n.name,
           CASE WHEN row_number() OVER by_name = 1 THEN '-infinity' ELSE n.since END,
           coalesce(lead(n.after) OVER by_name, 'infinity'),
           c.attname::text
    FROM named AS n
    CROSS JOIN watched AS w
    LEFT JOIN pg_attribute AS c ON c.attrelid = w.relation AND c.attnum = n.number AND NOT c.attisdropped
    WINDOW by_name AS (PARTITION BY n.name ORDER BY n.since);
END
$$;

-- Since when entries of a table identify their rows by its present primary key; NULL where they always did. A change of the
-- key that no helper has recorded is of an unknown time.
CREATE OR REPLACE FUNCTION archive.audit_key_since(audited integer) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN r.known_place = archive.place_of(r.relation)
                         AND r.key_columns IS DISTINCT FROM (SELECT i.indkey::smallint[] FROM pg_index AS i
                                                             WHERE i.indrelid = r.relation AND i.indisprimary)
                    THEN clock_timestamp() ELSE r.key_since END
        FROM archive.audited_table AS r WHERE r.id = audited);
END
$$;

-- The key of a row, given as texts, as entries contain it: first with the present names of its columns, then with their earlier
-- names.
CREATE OR REPLACE FUNCTION archive.audit_keys(relation regclass, key jsonb) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written jsonb := archive.audit_key(relation, key);
BEGIN
    RETURN written || ARRAY(
        WITH RECURSIVE part AS (
            SELECT k.place, k.value, n.name
            FROM jsonb_each(written) WITH ORDINALITY AS k (name, value, place)
            JOIN archive.audited_table AS r ON r.relation = audit_keys.relation
            CROSS JOIN LATERAL (SELECT k.name UNION SELECT n.name FROM archive.audit_names(r.id) AS n WHERE n.name_now = k.name) AS n
        ),
        spelled AS (
            SELECT 0::bigint AS place, '{}'::jsonb AS key
            UNION ALL
            SELECT p.place, s.key || jsonb_build_object(p.name, p.value) FROM spelled AS s JOIN part AS p ON p.place = s.place + 1
        )
        SELECT s.key FROM spelled AS s WHERE s.place = (SELECT max(p.place) FROM part AS p) AND s.key <> written);
END
$$;

-- The columns of a table whose logged values its types no longer accept: a label of an enumeration that was renamed, text in what is
-- a number now, a value that the CHECK of a domain refuses. It runs as the caller, on its search_path: a CHECK is a function of
-- its author.
CREATE OR REPLACE FUNCTION archive.audit_unreadable(relation oid, logged jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    part       pg_catalog.record;
    unreadable pg_catalog.text[] := '{}';
BEGIN
    FOR part IN
        SELECT c.attname::pg_catalog.text AS name, pg_catalog.format_type(c.atttypid, c.atttypmod) AS type
        FROM pg_catalog.pg_attribute AS c
        WHERE c.attrelid OPERATOR(pg_catalog.=) relation AND c.attnum > 0 AND NOT c.attisdropped
          AND pg_catalog.jsonb_exists(logged, c.attname::pg_catalog.text)
    LOOP
        BEGIN
            EXECUTE pg_catalog.format('SELECT FROM pg_catalog.jsonb_to_record($1) AS r (%I %s)', part.name, part.type) USING logged;
        EXCEPTION WHEN data_exception OR integrity_constraint_violation OR syntax_error_or_access_rule_violation OR raise_exception THEN
            unreadable := pg_catalog.array_append(unreadable, part.name);
        END;
    END LOOP;
    RETURN unreadable;
END
$$;

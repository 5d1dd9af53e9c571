-- How an erasure finds and erases what the audit log contains of rows. Every statement may run again.

-- Stores values that are searched for at the end, unless they are what personal values are replaced with, of this person or another one.
CREATE OR REPLACE FUNCTION archive.add_values(erasure bigint, found text[]) RETURNS void
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO archive.erasure_value (erasure, value)
    SELECT DISTINCT add_values.erasure, v.value FROM unnest(found) AS v(value)
    WHERE v.value <> '' AND NOT EXISTS (SELECT FROM archive.personal_data AS p WHERE v.value = ANY (p.replacements))
      AND NOT EXISTS (SELECT FROM archive.erasure AS e WHERE e.pseudonym = rtrim(v.value))
    ON CONFLICT DO NOTHING
$$;

-- Keys of rows, as JSON values in the order of the primary key, which is the form of links in entries. Each of `keys` is an array of texts, or the object of an
-- entry, whose names may be earlier ones. All are converted by one statement: the input functions of the types alone read the texts, as in archive.audit_key().
CREATE OR REPLACE FUNCTION archive.logged_keys(relation oid, keys jsonb[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    query  text;
    logged jsonb[];
BEGIN
    SELECT format('SELECT ARRAY(SELECT jsonb_build_array(%s) FROM unnest($1) AS s(key) CROSS JOIN LATERAL jsonb_to_record(jsonb_build_object(%s)) AS k (%s) '
                  'WHERE jsonb_typeof(s.key) = ''array'' UNION SELECT jsonb_build_array(%s) FROM unnest($1) AS s(key) WHERE jsonb_typeof(s.key) = ''object'')',
                  string_agg(format('archive.audit_value(k.%I)', k.name), ', ' ORDER BY k.ord),
                  string_agg(format('%L, s.key -> %s', k.name, k.ord - 1), ', ' ORDER BY k.ord),
                  string_agg(format('%I %s', k.name, archive.audit_read_as(a.atttypid, a.atttypmod)), ', ' ORDER BY k.ord),
                  CASE count(*) WHEN 1 THEN '(SELECT v.value FROM jsonb_each(s.key) AS v LIMIT 1)'
                                ELSE string_agg(format('coalesce(%s)', (SELECT string_agg(format('s.key -> %L', n.name), ', ') FROM archive.names_in_keys(relation, k.name) AS n(name))), ', ' ORDER BY k.ord) END)
    INTO query
    FROM unnest(archive.key_columns(relation)) WITH ORDINALITY AS k(name, ord) JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = k.name;
    EXECUTE query INTO logged USING keys;
    RETURN logged;
END
$$;

-- The names that a column of the key has, or had in keys of entries.
CREATE OR REPLACE FUNCTION archive.names_in_keys(relation oid, name name) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT names_in_keys.name::text UNION SELECT n.name FROM archive.audited_table AS t CROSS JOIN LATERAL archive.audit_names(t.id) AS n
                 WHERE t.relation::oid = names_in_keys.relation AND n.name_now = names_in_keys.name;
END
$$;

-- The keys of rows as entries contain them: first with the present names of the columns, then with earlier ones. `keys` is an array of both forms.
CREATE OR REPLACE FUNCTION archive.keys_in_entries(relation oid, keys jsonb) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    texts jsonb[] := ARRAY(SELECT k.key FROM jsonb_array_elements(keys) AS k(key) WHERE jsonb_typeof(k.key) = 'array');
BEGIN
    RETURN QUERY SELECT k.key FROM jsonb_array_elements(keys) AS k(key) WHERE jsonb_typeof(k.key) = 'object';
    RETURN QUERY
        WITH RECURSIVE spelled AS (
            SELECT 0::bigint AS ord, '{}'::text[] AS names
            UNION ALL
            SELECT k.ord, (s.names || n.name) COLLATE "default" FROM spelled AS s JOIN unnest(archive.key_columns(relation)) WITH ORDINALITY AS k(name, ord) ON k.ord = s.ord + 1
            CROSS JOIN LATERAL archive.names_in_keys(relation, k.name) AS n(name)
        )
        SELECT (SELECT jsonb_object_agg(n.name, v.value -> (n.ord - 1)::int) FROM unnest(s.names) WITH ORDINALITY AS n(name, ord))
        FROM unnest(archive.logged_keys(relation, texts)) AS v(value) CROSS JOIN spelled AS s WHERE s.ord = cardinality(archive.key_columns(relation));
END
$$;

-- Each name that a personal column, or one computed from it, had in entries of the log, and when, with what its values are replaced with there. Where a
-- name may have belonged to one of two columns, to both.
CREATE OR REPLACE FUNCTION archive.logged_names(audited integer, columns name[], logged jsonb[], pseudonyms boolean[], identifying boolean[], dependents name[], pseudonym text)
RETURNS TABLE (name text, item name, since timestamptz, until timestamptz, replacement jsonb, identifies boolean, rule text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT n.name, c.name, n.since, n.until, CASE WHEN c.is_pseudonym THEN to_jsonb(logged_names.pseudonym) ELSE c.logged END, c.identifies,
           CASE WHEN c.is_pseudonym THEN 'pseudonym' WHEN c.logged = 'null' THEN 'null' ELSE 'constant' END
    FROM (SELECT a.name, a.name_now, coalesce(lag(a.valid_to) OVER w, '-infinity') AS since, coalesce(lead(a.valid_from) OVER w, 'infinity') AS until
          FROM archive.audit_names(audited) AS a WINDOW w AS (PARTITION BY a.name ORDER BY a.valid_from)) AS n
    JOIN (SELECT * FROM unnest(columns, logged, pseudonyms, identifying) AS c(name, logged, is_pseudonym, identifies)
          UNION ALL SELECT d.name, 'null', false, false FROM unnest(dependents) AS d(name)) AS c ON c.name = n.name_now;
END
$$;

-- Erases what entries of the log contain of rows: the values of personal columns, or of deleted rows all values. Returns how many they were, and stores the keys of
-- the entries as done.
CREATE OR REPLACE FUNCTION archive.erase_log(erasure archive.erasure, rule bigint, keys jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    called record;
    names  jsonb;
    counts jsonb;
    seen   text[];
    erased bigint;
BEGIN
    SELECT r.*, t.id AS audited, t.table_name, p.logged INTO called
    FROM archive.personal_rules(erasure.subject) AS r JOIN archive.personal_data AS p ON p.id = r.id
    JOIN archive.audited_table AS t ON t.relation::oid = r.relation WHERE r.id = rule;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    names := (SELECT coalesce(jsonb_agg(n), '[]') FROM archive.logged_names(
        called.audited, called.columns, called.logged, called.pseudonyms, called.identifying, called.dependents, erasure.pseudonym) AS n);
    WITH key AS MATERIALIZED (
        SELECT DISTINCT k.key FROM archive.keys_in_entries(called.relation, keys) AS k(key)
    ),
    done AS (
        INSERT INTO archive.erasure_row AS w (erasure, rule, key, done) SELECT (erase_log.erasure).id, erase_log.rule, k.key, true FROM key AS k WHERE k.key IS NOT NULL
        ON CONFLICT ON CONSTRAINT erasure_row_pkey DO UPDATE SET done = true
    ),
    entry AS MATERIALIZED (
        SELECT e.at, e.id, e.old, e.new, e.whole FROM key JOIN archive.audit_entry AS e
            ON e.key_hash = jsonb_hash_extended(key.key, 0) AND e.key = key.key AND e.table_name = called.table_name
    ),
    logged AS MATERIALIZED (
        SELECT e.at, e.id, i.is_copy, v.key AS name, v.value, coalesce(n.item, v.key) AS item, n.replacement, coalesce(n.rule, 'delete') AS rule, coalesce(n.identifies, false) AS identifies
        FROM entry AS e CROSS JOIN LATERAL (VALUES (e.old, false), (e.new, false), (e.whole, true)) AS i(image, is_copy) CROSS JOIN LATERAL jsonb_each(i.image) AS v
        LEFT JOIN jsonb_to_recordset(names) AS n (name text, item text, since timestamptz, until timestamptz, replacement jsonb, identifies boolean, rule text)
            ON n.name = v.key AND e.at >= n.since AND e.at < n.until
        -- jsonb_to_recordset() reads JSON's null as NULL.
        WHERE called.deletes_rows OR n.name IS NOT NULL AND v.value <> coalesce(n.replacement, 'null')
    ),
    erased AS (
        UPDATE archive.audit_entry AS e
        SET old = archive.erased_image(e.old, l.replacements, called.deletes_rows), new = archive.erased_image(e.new, l.replacements, called.deletes_rows),
            whole = CASE WHEN NOT called.deletes_rows THEN archive.erased_image(e.whole, l.replacements, false) END,
            erased = (SELECT jsonb_agg(DISTINCT n.name) FROM jsonb_array_elements_text(coalesce(e.erased, '[]') || l.names) AS n(name))
        FROM (SELECT o.at, o.id, jsonb_object_agg(o.name, o.replacement) AS replacements, jsonb_agg(DISTINCT o.name) AS names FROM logged AS o GROUP BY o.at, o.id) AS l
        WHERE e.at = l.at AND e.id = l.id
    )
    SELECT (SELECT jsonb_agg(jsonb_build_object('place', 'archive.audit_entry', 'item', concat(called.name, '.', c.item), 'rule', c.rule, 'values', c.values))
            FROM (SELECT l.item, l.rule, count(*) AS values FROM logged AS l WHERE l.value <> 'null' AND NOT l.is_copy GROUP BY l.item, l.rule) AS c),
           (SELECT array_agg(DISTINCT l.value #>> '{}') FROM logged AS l WHERE l.identifies AND l.value <> 'null'),
           (SELECT count(*) FROM logged)
    INTO counts, seen, erased;
    PERFORM archive.add_erased(erasure.id, coalesce(counts, '[]')), archive.add_values(erasure.id, seen);
    RETURN erased;
END
$$;

-- Erases entries that were written since the erasure began, of rows whose entries were erased already, and returns how many values they had.
CREATE OR REPLACE FUNCTION archive.erase_new_entries(erasure archive.erasure) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule  record;
    keys  jsonb;
    every bigint := 0;
BEGIN
    IF to_regclass('archive.audit_entry') IS NOT NULL THEN
        FOR rule IN SELECT r.id, t.table_name FROM archive.personal_rules(erasure.subject) AS r JOIN archive.audited_table AS t ON t.relation::oid = r.relation LOOP
            -- There are no statistics of the rows of an erasure, so each is found by the index.
            WITH entry AS MATERIALIZED (
                SELECT DISTINCT e.key FROM archive.audit_entry AS e
                WHERE e.at >= (erase_new_entries.erasure).started_at AND e.table_name = rule.table_name AND coalesce(e.erased, '[]') = '[]'
            )
            SELECT jsonb_agg(e.key) INTO keys FROM entry AS e
            WHERE EXISTS (SELECT FROM archive.erasure_row AS w WHERE w.erasure = (erase_new_entries.erasure).id AND w.rule = rule.id AND w.key = e.key OFFSET 0);
            every := every + archive.erase_log(erasure, rule.id, coalesce(keys, '[]'));
        END LOOP;
    END IF;
    RETURN every;
END
$$;

-- The image of a row without personal values; of a deleted row an empty one.
CREATE OR REPLACE FUNCTION archive.erased_image(image jsonb, replacements jsonb, deletes_row boolean) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN image IS NULL THEN NULL WHEN deletes_row THEN '{}'::jsonb
            ELSE (SELECT image || coalesce(jsonb_object_agg(r.key, r.value), '{}') FROM jsonb_each(replacements) AS r WHERE image ? r.key) END;

-- The link of the image "i" of an entry "e", as SQL: an array of the values of these columns, under the names that they had when the entry was written.
CREATE OR REPLACE FUNCTION archive.link_in_entries(audited integer, links name[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT format('jsonb_build_array(%s)', string_agg(c.value, ', ' ORDER BY c.ord))
    FROM (SELECT l.ord, format('coalesce(%s)', string_agg(CASE WHEN n.since = '-infinity' AND n.until = 'infinity' THEN format('i.image -> %L', n.name)
                                   ELSE format('CASE WHEN e.at >= %L AND e.at < %L THEN i.image -> %L END', n.since, n.until, n.name) END, ', ' ORDER BY n.since DESC)) AS value
          FROM unnest(links) WITH ORDINALITY AS l(name, ord)
          JOIN (SELECT a.name, a.name_now, coalesce(lag(a.valid_to) OVER w, '-infinity') AS since, coalesce(lead(a.valid_from) OVER w, 'infinity') AS until
                FROM archive.audit_names(audited) AS a WINDOW w AS (PARTITION BY a.name ORDER BY a.valid_from)) AS n ON n.name_now = l.name
          GROUP BY l.ord) AS c);
END
$$;

-- Adds the keys of rows that are in the log alone, and returns how many: they were deleted or purged, and entries contain the link to the person or
-- to one of the rows that belong to the person. The rule of the person itself needs no entry.
CREATE OR REPLACE FUNCTION archive.add_logged_rows(erasure archive.erasure) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule    record;
    parents jsonb[];
    added   bigint;
    every   bigint := 0;
BEGIN
    INSERT INTO archive.erasure_row (erasure, rule, key)
    SELECT erasure.id, r.id, erasure.subject_key FROM archive.personal_rules(erasure.subject) AS r
    JOIN archive.personal_data AS p ON p.id = r.id WHERE p.parent IS NULL ON CONFLICT DO NOTHING;
    IF to_regclass('archive.audit_entry') IS NULL THEN
        RETURN 0;
    END IF;
    FOR rule IN
        SELECT p.id, p.parent, t.table_name, archive.link_in_entries(t.id, archive.names_now(p.relation, p.link_columns, p.numbers[:cardinality(p.link_columns)], p.place)) AS link
        FROM archive.personal_data AS p JOIN archive.audited_table AS t ON t.relation = p.relation
        WHERE p.parent IS NOT NULL AND archive.belongs_to(p, 't', erasure.subject) IS NOT NULL
        ORDER BY p.id
    LOOP
        parents := archive.logged_keys(rule.parent, ARRAY(
            SELECT erasure.subject_key AS key WHERE rule.parent = erasure.subject
            UNION ALL
            SELECT w.key FROM archive.erasure_row AS w JOIN archive.personal_data AS p ON p.id = w.rule AND p.relation = rule.parent WHERE w.erasure = erasure.id));
        EXECUTE format('INSERT INTO archive.erasure_row (erasure, rule, key) SELECT DISTINCT $1, $2, e.key '
                       'FROM archive.audit_entry AS e CROSS JOIN LATERAL (VALUES (e.old), (e.new), (e.whole)) AS i(image) JOIN unnest($3) AS k(link) ON k.link = %s '
                       'WHERE e.table_name = $4 AND e.key IS NOT NULL ON CONFLICT DO NOTHING', rule.link)
            USING erasure.id, rule.id, parents, rule.table_name;
        GET DIAGNOSTICS added = ROW_COUNT;
        every := every + added;
    END LOOP;
    RETURN every;
END
$$;

-- Whether a person of whom no row was found is known all the same: by an erasure that has ended, by entries of the log, or as an actor.
CREATE OR REPLACE FUNCTION archive.is_known_person(erasure archive.erasure) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM archive.erasure AS e WHERE e.subject = erasure.subject AND e.subject_key = erasure.subject_key AND e.finished_at IS NOT NULL
                                                  AND archive.is_hold_of(e.tenant, erasure.tenant)) THEN
        RETURN true;
    ELSIF to_regclass('archive.audit_entry') IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM archive.audited_table AS t CROSS JOIN LATERAL archive.keys_in_entries(t.relation, jsonb_build_array(erasure.subject_key)) AS k(key)
                   JOIN archive.audit_entry AS e ON e.key_hash = jsonb_hash_extended(k.key, 0) AND e.key = k.key AND e.table_name = t.table_name
                   WHERE t.relation::oid = erasure.subject::oid)
        OR EXISTS (SELECT FROM archive.personal_data AS p JOIN archive.audit_entry AS e ON e.actor = erasure.subject_key ->> 0
                   WHERE p.relation = erasure.subject AND p.parent IS NULL AND p.acts);
END
$$;

-- How an erasure searches for the identifying values of a person wherever text is stored. Every statement may run again.

-- The regular expressions that find the values of a person as whole words, also in the text of JSON, of 100 values each, the longest first. Values with fewer than 3 or
-- more than 200 characters are not searched for.
CREATE OR REPLACE FUNCTION archive.erasure_patterns(erasure bigint) RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(p.pattern ORDER BY p.part), '{}')
    FROM (SELECT '(?<![[:alnum:]])(?:' || string_agg(regexp_replace(n.value, '([.^$*+?()[\]{}|\\])', '\\\1', 'g'), '|' ORDER BY length(n.value) DESC) || ')(?![[:alnum:]])' AS pattern, n.part
          FROM (SELECT DISTINCT d.value, dense_rank() OVER (ORDER BY length(d.value) DESC, d.value COLLATE "C") / 100 AS part
                FROM archive.erasure AS e JOIN archive.erasure_value AS v ON v.erasure = e.id
                CROSS JOIN LATERAL (VALUES (v.value), (substr(to_jsonb(v.value)::text, 2, length(to_jsonb(v.value)::text) - 2))) AS d(value)
                WHERE e.id = erasure_patterns.erasure AND archive.acts_for(coalesce(e.tenant, '')) AND length(v.value) BETWEEN 3 AND 200) AS n
          GROUP BY n.part) AS p
$$;
REVOKE EXECUTE ON FUNCTION archive.erasure_patterns(bigint) FROM PUBLIC;

-- A text, or the texts in JSON, with the pseudonym in the place of each value of the person.
CREATE OR REPLACE FUNCTION archive.without_mentions(mentioning text, patterns text[], pseudonym text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pattern text;
BEGIN
    FOREACH pattern IN ARRAY patterns LOOP
        mentioning := regexp_replace(mentioning, pattern, pseudonym, 'gi');
    END LOOP;
    RETURN mentioning;
END
$$;
CREATE OR REPLACE FUNCTION archive.without_mentions(mentioning jsonb, patterns text[], pseudonym text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(mentioning)
        WHEN 'object' THEN (SELECT coalesce(jsonb_object_agg(archive.without_mentions(m.key, patterns, pseudonym), archive.without_mentions(m.value, patterns, pseudonym)), '{}')
                            FROM jsonb_each(mentioning) AS m)
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(archive.without_mentions(m.value, patterns, pseudonym) ORDER BY m.ord), '[]')
                           FROM jsonb_array_elements(mentioning) WITH ORDINALITY AS m(value, ord))
        WHEN 'string' THEN to_jsonb(archive.without_mentions(mentioning #>> '{}', patterns, pseudonym))
        WHEN 'number' THEN CASE WHEN (mentioning #>> '{}') ~* ANY (patterns) THEN to_jsonb(pseudonym) ELSE mentioning END
        ELSE mentioning END;
END
$$;

-- An image of a row in the log, with the pseudonym in the place of each value of the person. The names of its columns, numbers, and these columns stay:
-- what has the same text there is another value, and the image would no longer fit its table.
CREATE OR REPLACE FUNCTION archive.image_without_mentions(image jsonb, fixed text[], patterns text[], pseudonym text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(v.key, CASE WHEN v.key = ANY (fixed) OR jsonb_typeof(v.value) = 'number' THEN v.value
                                                    ELSE archive.without_mentions(v.value, patterns, pseudonym) END), '{}')
            FROM jsonb_each(image) AS v);
END
$$;

-- The names in entries of the columns that belong to the key of an audited table, or whose type is not for text, such as an enumeration.
CREATE OR REPLACE FUNCTION archive.fixed_names(table_name text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(n.name), '{}')
    FROM archive.audited_table AS t CROSS JOIN LATERAL archive.audit_names(t.id) AS n
    JOIN pg_attribute AS a ON a.attrelid = t.relation AND a.attname = n.name_now AND a.attnum > 0
    JOIN pg_type AS y ON y.oid = a.atttypid LEFT JOIN pg_type AS e ON e.oid = y.typelem AND y.typcategory = 'A'
    WHERE t.table_name = fixed_names.table_name
      AND (a.attname = ANY (archive.key_columns(t.relation)) OR coalesce(e.typcategory, y.typcategory) NOT IN ('S', 'C', 'U') OR y.oid IN ('uuid'::regtype, 'bytea'::regtype)));
END
$$;

-- The columns of the tables of this schema in which applications store text. Those that are keys identify a row, and are searched and not changed.
-- `erased` is the value of the column without mentions, as SQL: $1 are the patterns, $2 is the pseudonym. `of_tenant` is the condition for the rows "t" that
-- the session acts for.
CREATE OR REPLACE FUNCTION archive.text_columns() RETURNS TABLE (relation oid, name text, item name, is_key boolean, erased text, of_tenant text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid, concat('archive.', c.relname), a.attname, a.attname IN ('root_key', 'child_key', 'link', 'held_key', 'key'),
           CASE WHEN c.relname = 'audit_entry' AND a.attname IN ('old', 'new', 'whole') THEN format('archive.image_without_mentions(t.%I, archive.fixed_names(t.table_name), $1, $2)', a.attname)
                ELSE format('archive.without_mentions(t.%I, $1, $2)', a.attname) END,
           CASE WHEN EXISTS (SELECT FROM pg_attribute AS o WHERE o.attrelid = c.oid AND o.attname = 'tenant') THEN ' AND archive.acts_for(coalesce(t.tenant, ''''))' ELSE '' END
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)
    WHERE c.relnamespace = 'archive'::regnamespace AND c.relname IN ('archival', 'detached_link', 'hold', 'audit_entry', 'audit_details', 'event', 'erasure')
      AND a.attname NOT IN ('root_table', 'row_counts', 'purged_rows', 'purge_policy', 'tenant', 'place', 'edge', 'held_table', 'operation', 'table_name', 'redacted', 'erased',
                            'database_user', 'kind', 'subject_table', 'subject_key', 'pseudonym', 'state', 'found', 'unread')
    ORDER BY c.relname, a.attnum
$$;

-- Replaces the values of the person wherever the tables of this schema mention them, and the details of the requests that the person made. `counts` is
-- what was replaced before. It reads each of these columns once.
CREATE OR REPLACE FUNCTION archive.erasure_mentions(erasure bigint, counts jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked   archive.erasure := archive.erasure_in(erasure, '{mentions}');
    patterns text[] := archive.erasure_patterns(erasure);
    stored   record;
    changed  bigint;
BEGIN
    PERFORM archive.add_erased(erasure, counts);
    IF to_regclass('archive.audit_entry') IS NOT NULL
       AND EXISTS (SELECT FROM archive.personal_data AS p WHERE p.relation = locked.subject AND p.parent IS NULL AND p.acts) THEN
        UPDATE archive.audit_details AS d SET details = '{"erased": true}'
        WHERE d.details <> '{"erased": true}' AND d.id IN (SELECT e.details_id FROM archive.audit_entry AS e WHERE e.actor = locked.subject_key ->> 0);
        GET DIAGNOSTICS changed = ROW_COUNT;
        PERFORM archive.add_erased(erasure, jsonb_build_array(jsonb_build_object('place', 'archive.audit_details', 'item', 'details', 'rule', 'actor', 'values', changed)));
    END IF;
    FOR stored IN SELECT t.* FROM archive.text_columns() AS t WHERE NOT t.is_key AND patterns <> '{}' LOOP
        EXECUTE format('UPDATE %1$s AS t SET %2$I = %3$s%4$s WHERE t.%2$I::text ~* ANY ($1) AND %3$s <> t.%2$I%5$s',
                       stored.relation::regclass, stored.item, stored.erased,
                       CASE WHEN stored.name = 'archive.audit_entry' THEN ', erased = coalesce(t.erased, ''[]'')' ELSE '' END, stored.of_tenant)
            USING patterns, locked.pseudonym;
        GET DIAGNOSTICS changed = ROW_COUNT;
        PERFORM archive.add_erased(erasure, jsonb_build_array(jsonb_build_object('place', stored.name, 'item', stored.item, 'rule', 'mention', 'values', changed)));
    END LOOP;
    UPDATE archive.erasure AS e SET state = 'search' WHERE e.id = locked.id;
END
$$;
REVOKE EXECUTE ON FUNCTION archive.erasure_mentions(bigint, jsonb) FROM PUBLIC;

-- How many rows of which column of this schema mention a value.
CREATE OR REPLACE FUNCTION archive.erasure_found(erasure bigint) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    locked   archive.erasure := archive.erasure_in(erasure, '{search}');
    patterns text[] := archive.erasure_patterns(erasure);
    stored   record;
    counted  bigint;
    mentions jsonb := '{}';
BEGIN
    FOR stored IN SELECT t.* FROM archive.text_columns() AS t WHERE patterns <> '{}' LOOP
        EXECUTE format('SELECT count(*) FROM %1$s AS t WHERE t.%2$I::text ~* ANY ($1) AND (%3$L OR %4$s <> t.%2$I)%5$s',
                       stored.relation::regclass, stored.item, stored.item NOT IN ('old', 'new', 'whole'), stored.erased, stored.of_tenant)
            INTO counted USING patterns, locked.pseudonym;
        mentions := mentions || CASE WHEN counted > 0 THEN jsonb_build_object(concat(stored.name, '.', stored.item), counted) ELSE '{}' END;
    END LOOP;
    RETURN mentions;
END
$$;
REVOKE EXECUTE ON FUNCTION archive.erasure_found(bigint) FROM PUBLIC;

-- The tables of the application in which values are searched for: those with personal data, archive tables with their tables, and histories. `query`
-- counts the rows of each column with text that mention one of the values $1. `replaces`, of an archive table whose column for who archived a row is
-- text, is the statement that puts the pseudonym $2 in the place of such values there. `of_tenant` is whether policies of tenancy are on the table.
CREATE OR REPLACE FUNCTION archive.erasure_searches() RETURNS TABLE (relation oid, name text, query text, item name, replaces text, of_tenant boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid, concat(s.nspname, '.', c.relname), format('SELECT %s FROM %I.%I AS t',
               string_agg(format('pg_catalog.jsonb_build_object(%L, pg_catalog.count(*) FILTER (WHERE %s OPERATOR(pg_catalog.~*) ANY ($1)))',
                                 concat(s.nspname, '.', c.relname, '.', a.attname), v.value), ' OPERATOR(pg_catalog.||) '), s.nspname, c.relname),
           max(a.attname::text) FILTER (WHERE v.is_actor)::name,
           max(format('UPDATE %I.%I AS t SET %I = archive.without_mentions(t.%3$I::pg_catalog.text, $1, $2) WHERE %s OPERATOR(pg_catalog.~*) ANY ($1)',
                      s.nspname, c.relname, a.attname, v.value)) FILTER (WHERE v.is_actor),
           EXISTS (SELECT FROM archive.tenancy_scope AS o WHERE o.relation = c.oid)
    FROM (SELECT p.relation::oid AS oid FROM archive.personal_data AS p UNION SELECT r.active::oid FROM archive.archived_table AS r
          UNION SELECT r.archive_table::oid FROM archive.archived_table AS r UNION SELECT h.history::oid FROM archive.history_table AS h) AS t
    JOIN pg_class AS c ON c.oid = t.oid JOIN pg_namespace AS s ON s.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS y ON y.oid = a.atttypid LEFT JOIN pg_type AS e ON e.oid = y.typelem AND y.typcategory = 'A'
    LEFT JOIN archive.archived_table AS r ON r.archive_table = c.oid
    -- A column may have a collation for which there are no regular expressions.
    CROSS JOIN LATERAL (SELECT format(CASE WHEN y.oid < 16384 THEN 't.%I::pg_catalog.text' ELSE 'archive.exact_text(t.%I)' END || ' COLLATE pg_catalog."default"', a.attname) AS value,
                               a.attname = r.deleted_by_column AND a.atttypmod = -1 AND y.oid IN ('text'::regtype, 'varchar'::regtype) AS is_actor) AS v
    -- Texts, rows and other types, such as JSON or hstore, and arrays of them: as in archive.fixed_names().
    WHERE coalesce(e.typcategory, y.typcategory) IN ('S', 'C', 'U') AND coalesce(e.oid, y.oid) NOT IN ('uuid'::regtype, 'bytea'::regtype)
    GROUP BY c.oid, c.relname, s.nspname ORDER BY s.nspname, c.relname
$$;
REVOKE EXECUTE ON FUNCTION archive.erasure_searches() FROM PUBLIC;

-- Rows that refer to a row of the person which is in the log alone, since it was deleted without them. They may belong to another person by now, so they
-- are not erased: `query` counts those with values, of which $1 are the keys of such parents.
CREATE OR REPLACE FUNCTION archive.erasure_dangling(erasure bigint) RETURNS TABLE (query text, parents jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regclass('archive.audit_entry') IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT format('SELECT %s FROM (%s) AS t JOIN pg_catalog.jsonb_array_elements($1) AS k(key) ON %s WHERE NOT EXISTS (SELECT FROM (%s) AS p WHERE %s)',
               CASE WHEN r.deletes_rows THEN format('pg_catalog.jsonb_build_object(%L, pg_catalog.count(*))', r.name || '.rows')
                    ELSE (SELECT string_agg(format('pg_catalog.jsonb_build_object(%L, pg_catalog.count(*) FILTER (WHERE %s))', concat(r.name, '.', c.name),
                                 archive.has_values(ARRAY[c.name], ARRAY[c.replacement], ARRAY[c.is_pseudonym], e.pseudonym)), ' OPERATOR(pg_catalog.||) ')
                          FROM unnest(r.columns, r.replacements, r.pseudonyms) AS c(name, replacement, is_pseudonym)) END,
               archive.with_archived(r.relation, l.links || r.columns), replace(archive.is_key(p.parent, 't', l.links), '$1', 'k.key'),
               archive.with_archived(p.parent, archive.key_columns(p.parent)),
               archive.is_same_identity(p.parent, 'p', archive.key_columns(p.parent), 't', l.links)),
           k.keys
    FROM archive.erasure AS e CROSS JOIN LATERAL archive.personal_rules(e.subject) AS r
    JOIN archive.personal_data AS p ON p.id = r.id AND p.parent <> e.subject
    CROSS JOIN LATERAL (SELECT archive.names_now(p.relation, p.link_columns, p.numbers[:cardinality(p.link_columns)], p.place) AS links) AS l
    CROSS JOIN LATERAL (SELECT to_jsonb(archive.logged_keys(p.parent, ARRAY(
                            SELECT w.key FROM archive.erasure_row AS w JOIN archive.personal_data AS o ON o.id = w.rule AND o.relation = p.parent
                            WHERE w.erasure = e.id AND jsonb_typeof(w.key) = 'object'))) AS keys) AS k
    WHERE e.id = erasure_dangling.erasure AND archive.acts_for(coalesce(e.tenant, '')) AND k.keys <> '[]' AND (r.deletes_rows OR r.columns <> '{}');
END
$$;
REVOKE EXECUTE ON FUNCTION archive.erasure_dangling(bigint) FROM PUBLIC;

-- Whether the caller sees every row of a table, or where policies of tenancy are on it every row of the tenant.
CREATE OR REPLACE FUNCTION archive.may_search(relation oid, of_tenant boolean) RETURNS boolean
LANGUAGE sql STABLE
RETURN (SELECT pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
               AND (of_tenant OR NOT pg_catalog.row_security_active(c.oid))
        FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) relation);

-- The statement that a trigger runs where its own do not fit: on the twin, before a TRUNCATE, and where the table
-- got other columns since the trigger function was written. It reads every column that is there. Those that are
-- excluded or redacted it knows by their names and by their numbers: another name does not uncover a redacted
-- column, nor does another column in its place, nor the other numbers that columns have after a dump and a restore.
--
-- Its arguments: $1 what entries call the table, $2 tenant, $3 actor, $4 request id, $5 user, $6 details.
CREATE OR REPLACE FUNCTION archive.audit_statement(
    operation text, relation oid, audited integer, of_twin boolean, excluded smallint[], hidden smallint[], tenant_number smallint
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched  record;
    numbered oid;
    names    text[];
    left_out text[];
    secret   text[];
    tenant   text;
    keys     text[];
    b_key    text;
    a_key    text;
    same_key text;
    b_row    text;
    a_row    text;
    changed  text;
    source   text;
BEGIN
    SELECT r.*, a.twin, a.archival_id_column AS archival,
           ARRAY[a.deleted_at_column, a.deleted_by_column, a.archival_id_column]::text[] AS added
    INTO watched
    FROM archive.audited_table AS r
    LEFT JOIN archive.archived_table AS a ON a.active = r.relation
    WHERE r.id = audited;
    numbered := CASE WHEN of_twin THEN watched.twin ELSE watched.relation END;
    SELECT array_agg(c.attname::text) INTO names
    FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attnum > 0 AND NOT c.attisdropped;
    SELECT coalesce(array_agg(c.attname::text) FILTER (
               WHERE c.attname = ANY (watched.excluded_names) OR of_twin AND c.attname = ANY (watched.added)
                  OR c.attnum = ANY (excluded) AND NOT watched.excluded_names <@ names), '{}'),
           coalesce(array_agg(c.attname::text) FILTER (
               WHERE c.attname = ANY (watched.redacted_names) OR c.attnum = ANY (hidden)), '{}'),
           coalesce(min(c.attname::text) FILTER (WHERE c.attname = watched.tenant_name),
                    min(c.attname::text) FILTER (WHERE c.attnum = tenant_number))
    INTO left_out, secret, tenant
    FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attnum > 0 AND NOT c.attisdropped;
    SELECT array_agg(c.attname::text ORDER BY k.place),
           'jsonb_build_object(' || string_agg(format('%L, to_jsonb(b.%I)', c.attname, c.attname), ', ' ORDER BY k.place) || ')',
           'jsonb_build_object(' || string_agg(format('%L, to_jsonb(a.%I)', c.attname, c.attname), ', ' ORDER BY k.place) || ')',
           string_agg(format('a.%1$I OPERATOR(%2$I.%3$s) b.%1$I', c.attname, n.nspname, o.oprname), ' AND ')
    INTO keys, b_key, a_key, same_key
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[], i.indclass::oid[]) WITH ORDINALITY AS k (number, class, place)
    JOIN pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.number
    JOIN pg_opclass AS l ON l.oid = k.class
    JOIN pg_amop AS m ON m.amopfamily = l.opcfamily AND m.amoplefttype = l.opcintype AND m.amoprighttype = l.opcintype
                     AND m.amopstrategy = 3
    JOIN pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE i.indrelid = numbered AND i.indisprimary;
    IF keys IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR009', MESSAGE = format(
            '%s is audited and has lost its primary key, so no entry could say which row it is about: give it one again, '
            'or call manager.unaudit_table(..)', relation::regclass);
    END IF;
    -- What goes to another tenant is told as gone to the one, and as come to the other.
    IF tenant IS NOT NULL THEN
        same_key := same_key || format(' AND a.%1$I::text = b.%1$I::text', tenant);
    END IF;
    SELECT string_agg(format('(%L, %s)', c.attname, format(v.value, 'b', c.attname)), ', ') FILTER (WHERE v.is_told),
           string_agg(format('(%L, %s)', c.attname, format(v.value, 'a', c.attname)), ', ') FILTER (WHERE v.is_told),
           string_agg(format('CASE WHEN record_image_ne(ROW(b.%1$I), ROW(a.%1$I)) THEN %1$L END', c.attname), ', ')
    INTO b_row, a_row, changed
    FROM pg_attribute AS c
    JOIN pg_type AS t ON t.oid = c.atttypid
    LEFT JOIN pg_type AS of ON of.oid = coalesce(nullif(t.typbasetype, 0), t.typelem)
    -- What jsonb cannot keep is told as text.
    CROSS JOIN LATERAL (SELECT CASE WHEN 'json' IN (t.typname, of.typname) THEN 'archive.audit_value(%s.%I)' ELSE 'to_jsonb(%s.%I)' END AS value,
                               c.attname <> ALL (secret) AS is_told) AS v
    WHERE c.attrelid = numbered AND c.attnum > 0 AND NOT c.attisdropped AND c.attname <> ALL (left_out);
    source := CASE operation
        WHEN 'UPDATE' THEN format('old_rows AS b FULL JOIN new_rows AS a ON %s', same_key)
        WHEN 'INSERT' THEN 'new_rows AS a LEFT JOIN (SELECT * FROM new_rows LIMIT 0) AS b ON false'
        WHEN 'DELETE' THEN 'old_rows AS b LEFT JOIN (SELECT * FROM old_rows LIMIT 0) AS a ON false'
        ELSE format('ONLY %1$s AS b LEFT JOIN (SELECT * FROM %1$s LIMIT 0) AS a ON false', relation::regclass)
    END;
    RETURN format(
        'INSERT INTO archive.audit_entry (at, transaction_id, operation, table_name, key, old, new, redacted, tenant, actor, request_id,
                                          database_user, details_id, archival_id)
         SELECT (SELECT clock_timestamp()), txid_current(), d.operation, $1, d.key,
                CASE WHEN d.operation <> ''UPDATE'' THEN d.before ELSE (
                    SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(d.before) AS e WHERE e.key = ANY (d.changed)) END,
                CASE WHEN d.operation <> ''UPDATE'' THEN d.after ELSE (
                    SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(d.after) AS e WHERE e.key = ANY (d.changed)) END,
                (SELECT jsonb_agg(s) FROM unnest(%1$L::text[]) AS s WHERE d.operation <> ''UPDATE'' OR s = ANY (d.changed)),
                d.tenant, $3, $4, $5, $6, d.archival
         FROM (SELECT CASE WHEN b.%2$I IS NULL THEN ''INSERT'' WHEN a.%2$I IS NULL THEN %3$L ELSE ''UPDATE'' END AS operation,
                      CASE WHEN b.%2$I IS NULL THEN %4$s ELSE %5$s END AS key,
                      CASE WHEN b.%2$I IS NOT NULL THEN %6$s END AS before,
                      CASE WHEN a.%2$I IS NOT NULL THEN %7$s END AS after,
                      array_remove(ARRAY[%8$s]::text[], NULL) AS changed,
                      %9$s AS tenant, %10$s AS archival
               FROM %11$s) AS d
         WHERE d.operation <> ''UPDATE'' OR cardinality(d.changed) > 0',
        secret,
        keys[1],
        CASE operation WHEN 'TRUNCATE' THEN 'TRUNCATE' ELSE 'DELETE' END,
        a_key, b_key,
        coalesce('(SELECT jsonb_object_agg(v.name, v.value) FROM (VALUES ' || b_row || ') AS v (name, value))', '''{}''::jsonb'),
        coalesce('(SELECT jsonb_object_agg(v.name, v.value) FROM (VALUES ' || a_row || ') AS v (name, value))', '''{}''::jsonb'),
        coalesce(changed, ''),
        CASE WHEN tenant IS NULL THEN '$2'
             ELSE format('CASE WHEN a.%2$I IS NULL THEN b.%1$I::text ELSE a.%1$I::text END', tenant, keys[1]) END,
        CASE WHEN of_twin THEN format('CASE WHEN a.%2$I IS NULL THEN b.%1$I ELSE a.%1$I END', watched.archival, keys[1])
             ELSE 'NULL::bigint' END,
        source);
END
$$;

-- Sets what the text of values depends on, until archive.audit_put_back(), and says what it was. With row security
-- off, a policy that hides rows from a TRUNCATE is an error.
CREATE OR REPLACE FUNCTION archive.audit_settings(of_truncate boolean) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    before text[] := ARRAY[pg_catalog.current_setting('timezone'), pg_catalog.current_setting('datestyle'),
                           pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('extra_float_digits'),
                           pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('row_security')];
BEGIN
    PERFORM archive.audit_put_back(ARRAY['UTC', 'ISO, YMD', 'postgres', '1', 'hex', CASE WHEN of_truncate THEN 'off' ELSE before[6] END]);
    RETURN before;
END
$$;

CREATE OR REPLACE FUNCTION archive.audit_put_back(settings text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_catalog.set_config('timezone', settings[1], true), pg_catalog.set_config('datestyle', settings[2], true),
            pg_catalog.set_config('intervalstyle', settings[3], true), pg_catalog.set_config('extra_float_digits', settings[4], true),
            pg_catalog.set_config('bytea_output', settings[5], true), pg_catalog.set_config('row_security', settings[6], true);
END
$$;

-- A value as the log writes it: the same whatever the session says of times, numbers and bytes; as text, where it
-- is JSON that jsonb does not keep.
CREATE OR REPLACE FUNCTION archive.audit_value(value anyelement) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
SET extra_float_digits = '1' SET bytea_output = 'hex' AS $$
BEGIN
    RETURN pg_catalog.to_jsonb(value);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN pg_catalog.to_jsonb(value::text);
END
$$;

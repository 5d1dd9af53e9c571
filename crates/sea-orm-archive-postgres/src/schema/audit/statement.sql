-- The statement that a trigger runs where its own statements do not fit: on the archive table, before a TRUNCATE, and where the
-- columns of the table changed since the trigger function was written. It reads every column that exists, except those that
-- archive.audit_hidden() returns.
--
-- Its arguments: $1 name of the table in entries, $2 tenant, $3 actor, $4 request id, $5 user, $6 details.
DROP FUNCTION IF EXISTS archive.audit_statement(text, oid, integer, boolean, smallint[], smallint[], smallint);
CREATE OR REPLACE FUNCTION archive.audit_statement(
    operation text, relation oid, audited integer, of_archive_table boolean, excluded smallint[], tenant_number smallint
) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched  record;
    numbered oid;
    names    text[];
    left_out text[];
    secret   text[];
    tenant   text;
    tenant_type oid; -- of that column
    keys     text[];
    b_key    text;
    a_key    text;
    same_key text;
    b_row    text;
    a_row    text;
    changed  text;
    source   text;
    as_text  text := 'CASE WHEN %1$s.%2$I IS DISTINCT FROM NULL THEN format(''%%s'', %1$s.%2$I) END';
BEGIN
    SELECT r.*, a.archive_table, a.archival_id_column AS archival,
           ARRAY[a.deleted_at_column, a.deleted_by_column, a.archival_id_column]::text[] AS added
    INTO watched
    FROM archive.audited_table AS r
    LEFT JOIN archive.archived_table AS a ON a.active = r.relation
    WHERE r.id = audited;
    numbered := CASE WHEN of_archive_table THEN watched.archive_table ELSE watched.relation END;
    SELECT array_agg(c.attname::text) INTO names
    FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attnum > 0 AND NOT c.attisdropped;
    secret := archive.audit_hidden(audited, of_archive_table);
    SELECT coalesce(array_agg(c.attname::text) FILTER (
               WHERE c.attname = ANY (watched.excluded_names) OR of_archive_table AND c.attname = ANY (watched.added)
                  OR c.attnum = ANY (excluded) AND NOT watched.excluded_names <@ names), '{}'),
           coalesce(min(c.attname::text) FILTER (WHERE c.attname = watched.tenant_name),
                    min(c.attname::text) FILTER (WHERE c.attnum = tenant_number))
    INTO left_out, tenant
    FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attnum > 0 AND NOT c.attisdropped;
    SELECT array_agg(c.attname::text ORDER BY k.place),
           'jsonb_build_object(' || string_agg(format('%L, ', c.attname) || archive.audit_as_json('b', c.attname, c.atttypid), ', ' ORDER BY k.place) || ')',
           'jsonb_build_object(' || string_agg(format('%L, ', c.attname) || archive.audit_as_json('a', c.attname, c.atttypid), ', ' ORDER BY k.place) || ')',
           string_agg(CASE WHEN archive.audit_has_operators(c.atttypid)
                           THEN format('a.%1$I OPERATOR(%2$I.%3$s) b.%1$I', c.attname, n.nspname, o.oprname)
                           ELSE concat(format(as_text, 'a', c.attname), ' = ', format(as_text, 'b', c.attname)) END, ' AND ')
    INTO keys, b_key, a_key, same_key
    FROM pg_index AS i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[], i.indclass::oid[]) WITH ORDINALITY AS k (number, class, place)
    JOIN pg_attribute AS c ON c.attrelid = i.indrelid AND c.attnum = k.number
    JOIN pg_opclass AS l ON l.oid = k.class
    JOIN pg_amop AS m ON m.amopfamily = l.opcfamily AND m.amoplefttype = l.opcintype AND m.amoprighttype = l.opcintype
                     AND m.amopstrategy = 3
    JOIN pg_operator AS o ON o.oid = m.amopopr
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    -- The key of a partitioned archive table also contains the archival.
    WHERE i.indrelid = numbered AND i.indisprimary AND NOT (of_archive_table AND c.attname = ANY (watched.added));
    IF keys IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR009', MESSAGE = format(
            '%s is audited and has lost its primary key, so no entry could identify its row: add one again, '
            'or call manager.unaudit_table(..)', relation::regclass);
    END IF;
    IF keys && secret THEN
        RAISE EXCEPTION USING ERRCODE = 'AR011', MESSAGE = format(
            'the primary key of %s contains a column that the audit log redacts, and entries contain the key: change the primary key, '
            'or call manager.audit_table(..) with the columns that are to be redacted now', relation::regclass);
    END IF;
    -- A row that moves to another tenant is logged as a DELETE for the old tenant and an INSERT for the new one.
    IF tenant IS NOT NULL THEN
        tenant_type := (SELECT c.atttypid FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attname = tenant AND c.attnum > 0);
        same_key := concat(same_key, ' AND ', format(as_text, 'a', tenant), ' = ', format(as_text, 'b', tenant));
    END IF;
    SELECT string_agg(format('(%L, %s)', c.attname, archive.audit_as_json('b', c.attname, c.atttypid)), ', ')
               FILTER (WHERE c.attname <> ALL (secret)),
           string_agg(format('(%L, %s)', c.attname, archive.audit_as_json('a', c.attname, c.atttypid)), ', ')
               FILTER (WHERE c.attname <> ALL (secret)),
           string_agg(format('CASE WHEN record_image_ne(ROW(b.%1$I), ROW(a.%1$I)) THEN %1$L END', c.attname), ', ')
    INTO b_row, a_row, changed
    FROM pg_attribute AS c
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
             ELSE format('CASE WHEN a.%I IS NULL THEN %s ELSE %s END', keys[1], archive.tenant_text('b', tenant, tenant_type), archive.tenant_text('a', tenant, tenant_type)) END,
        CASE WHEN of_archive_table AND EXISTS (SELECT FROM pg_attribute AS c WHERE c.attrelid = numbered AND c.attname = watched.archival
                                                                      AND c.atttypid = 'int8'::regtype)
             THEN format('CASE WHEN a.%2$I IS NULL THEN b.%1$I ELSE a.%1$I END', watched.archival, keys[1])
             -- A cast of another type would run as the owner of the log.
             ELSE 'NULL::bigint' END,
        source);
END
$$;

-- Sets the settings that the text of values depends on, until archive.audit_put_back(), and returns the earlier ones. For a
-- TRUNCATE row_security is on: after archive.audit_refuse_hidden() it reads its rows and writes its entries in one statement, and
-- the log has policies where any table is under tenancy.
CREATE OR REPLACE FUNCTION archive.audit_settings(of_truncate boolean) RETURNS text[]
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    before pg_catalog.text[] := ARRAY[pg_catalog.current_setting('timezone'), pg_catalog.current_setting('datestyle'),
                           pg_catalog.current_setting('intervalstyle'), pg_catalog.current_setting('extra_float_digits'),
                           pg_catalog.current_setting('bytea_output'), pg_catalog.current_setting('row_security'),
                           pg_catalog.current_setting('lc_monetary')];
BEGIN
    PERFORM archive.audit_put_back(ARRAY['UTC', 'ISO, YMD', 'postgres', '1', 'hex', CASE WHEN of_truncate THEN 'on' ELSE before[6] END, 'C']);
    RETURN before;
END
$$;

CREATE OR REPLACE FUNCTION archive.audit_put_back(settings text[]) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_catalog.set_config('timezone', settings[1], true), pg_catalog.set_config('datestyle', settings[2], true),
            pg_catalog.set_config('intervalstyle', settings[3], true), pg_catalog.set_config('extra_float_digits', settings[4], true),
            pg_catalog.set_config('bytea_output', settings[5], true), pg_catalog.set_config('row_security', settings[6], true),
            pg_catalog.set_config('lc_monetary', settings[7], true);
END
$$;

-- Refuses a TRUNCATE of rows that policies hide from the owner of the log. The policies of tenancy hide no row from the owner where
-- the session acts for every tenant, unless there is another restrictive policy.
CREATE OR REPLACE FUNCTION archive.audit_refuse_hidden(truncated oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF row_security_active(truncated)
       AND (EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = truncated AND NOT p.polpermissive)
            OR NOT EXISTS (
                SELECT FROM archive.tenancy_scope AS s
                JOIN archive.tenancy AS t ON t.relation = s.origin AND archive.acts_for_all(t.administrator)
                JOIN pg_policy AS p ON p.polrelid = s.relation AND p.polname = 'tenancy_trusted'
                WHERE s.relation = truncated
                  AND EXISTS (SELECT FROM unnest(p.polroles) AS r (role) WHERE r.role = 0 OR pg_has_role(r.role, 'USAGE')))) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format(
            'row-level security hides rows of %s from %s, which owns the audit log, so the log could not record all rows that TRUNCATE '
            'removes: delete the rows instead, or let an administrator of the tenancy of this table truncate it',
            truncated::regclass, current_user);
    END IF;
END
$$;

-- The type below arrays and domains. A type below 16384, where the ids of users' objects begin, is built in: PostgreSQL's own
-- functions write its values as JSON or text. The owner of any other type may add casts at any time, and `to_jsonb` and `::text`
-- would run them here with the rights of the owner of the log, even for a column that is later added to a composite type. The
-- output function of the type writes such a value, and no cast changes it.
CREATE OR REPLACE FUNCTION archive.audit_leaf(type oid) RETURNS oid
LANGUAGE sql STABLE
RETURN (WITH RECURSIVE within AS (
            SELECT type AS oid, 0 AS depth
            UNION ALL
            SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END, w.depth OPERATOR(pg_catalog.+) 1
            FROM within AS w JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) w.oid
            WHERE t.typtype OPERATOR(pg_catalog.=) 'd'
               OR t.typsubscript OPERATOR(pg_catalog.=) 'pg_catalog.array_subscript_handler'::pg_catalog.regproc
        )
        SELECT w.oid FROM within AS w ORDER BY w.depth DESC LIMIT 1);

-- Whether `=` for this type is an operator of the type itself. Enumerations, ranges and composite types use a polymorphic operator,
-- and an implicit cast by the owner of the type could select another operator instead, so they are compared by their text.
CREATE OR REPLACE FUNCTION archive.audit_has_operators(type oid) RETURNS boolean
LANGUAGE sql STABLE
RETURN (SELECT l.oid OPERATOR(pg_catalog.<) 16384 OR l.typtype OPERATOR(pg_catalog.=) 'b' AND l.oid OPERATOR(pg_catalog.=) type
        FROM pg_catalog.pg_type AS l WHERE l.oid OPERATOR(pg_catalog.=) archive.audit_leaf(type));

-- SQL for the column of the row as JSON. A value that jsonb cannot store is recorded as text.
CREATE OR REPLACE FUNCTION archive.audit_as_json(alias text, name name, type oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    leaf oid := archive.audit_leaf(type);
BEGIN
    RETURN format(CASE WHEN leaf >= 16384 THEN 'to_jsonb(CASE WHEN %1$s.%2$I IS DISTINCT FROM NULL THEN format(''%%s'', %1$s.%2$I) END)'
                       WHEN leaf = 'json'::regtype THEN 'archive.audit_value(%1$s.%2$I)'
                       ELSE 'to_jsonb(%1$s.%2$I)' END, alias, name);
END
$$;

-- A value as the log writes it, independent of the session's settings for times, numbers and bytes. It is text where its type is
-- not built in, or where it is JSON that jsonb cannot store.
CREATE OR REPLACE FUNCTION archive.audit_value(value anyelement) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres'
SET extra_float_digits = '1' SET bytea_output = 'hex' SET lc_monetary = 'C' AS $$
BEGIN
    IF value IS NOT DISTINCT FROM NULL THEN
        RETURN NULL;
    END IF;
    IF archive.audit_leaf(pg_typeof(value)) >= 16384 THEN
        RETURN to_jsonb(format('%s', value));
    END IF;
    RETURN to_jsonb(value);
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN to_jsonb(format('%s', value));
END
$$;

-- The type that the text of a value of this type is read as: the type below its domains, since the checks of a domain are functions
-- of its owner. A value of a composite type stays text, as in entries, and so does a range whose input function may call a
-- function of its owner.
CREATE OR REPLACE FUNCTION archive.audit_read_as(type oid, modifier integer) RETURNS text
LANGUAGE sql STABLE
RETURN (WITH RECURSIVE based AS (
            SELECT type AS oid, modifier, 0 AS depth
            UNION ALL
            SELECT t.typbasetype, CASE WHEN t.typtypmod OPERATOR(pg_catalog.=) -1 THEN b.modifier ELSE t.typtypmod END, b.depth OPERATOR(pg_catalog.+) 1
            FROM based AS b JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) b.oid WHERE t.typtype OPERATOR(pg_catalog.=) 'd'
        )
        SELECT CASE WHEN l.oid OPERATOR(pg_catalog.>=) 16384 AND l.typtype NOT IN ('b', 'e') AND NOT EXISTS (
                             SELECT FROM pg_catalog.pg_range AS r
                             WHERE (r.rngtypid OPERATOR(pg_catalog.=) l.oid OR r.rngmultitypid OPERATOR(pg_catalog.=) l.oid)
                               AND r.rngsubtype OPERATOR(pg_catalog.<) 16384 AND r.rngsubopc OPERATOR(pg_catalog.<) 16384
                               AND r.rngcanonical::oid OPERATOR(pg_catalog.=) 0::oid) THEN 'text'
                    -- Elements of an array may be of a domain, too.
                    WHEN b.oid OPERATOR(pg_catalog.<>) l.oid THEN pg_catalog.format_type(l.typarray, b.modifier)
                    ELSE pg_catalog.format_type(b.oid, b.modifier) END
        FROM based AS b JOIN pg_catalog.pg_type AS l ON l.oid OPERATOR(pg_catalog.=) archive.audit_leaf(b.oid)
        ORDER BY b.depth DESC LIMIT 1);

-- A key of the table, given as texts, in the form of entries. Only input functions of types read it, no casts.
CREATE OR REPLACE FUNCTION archive.audit_key(relation regclass, key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written jsonb;
BEGIN
    EXECUTE (SELECT format('SELECT jsonb_build_object(%s) FROM jsonb_to_record($1) AS k (%s)',
                           string_agg(format('%1$L, archive.audit_value(k.%1$I)', c.attname), ', '),
                           string_agg(format('%I %s', c.attname, archive.audit_read_as(c.atttypid, c.atttypmod)), ', '))
             FROM jsonb_object_keys(key) AS part
             JOIN pg_attribute AS c ON c.attrelid = relation AND c.attname = part AND c.attnum > 0 AND NOT c.attisdropped)
    INTO written USING key;
    RETURN written;
END
$$;

-- The columns of a table with redacted columns that cannot be attributed: after a dump and a restore, those whose names the log has
-- not recorded. One of them may be a redacted column that was renamed before the dump.
CREATE OR REPLACE FUNCTION archive.audit_unattributed(audited integer) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(
        SELECT c.attname::text
        FROM archive.audited_table AS r
        JOIN pg_attribute AS c ON c.attrelid = r.relation AND c.attnum > 0 AND NOT c.attisdropped
        WHERE r.id = audited AND r.redacted_names <> '{}' AND r.known_place <> archive.place_of(r.relation)
          AND c.attname <> ALL (r.known_names)
          -- A column of the key cannot be hidden, and none was.
          AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = r.relation AND i.indisprimary AND c.attnum = ANY (i.indkey::smallint[]))
        ORDER BY c.attnum);
END
$$;

-- The names of the redacted columns of a table, or of its archive table: columns with a name that was redacted when a helper last
-- wrote the functions; columns with a redacted number, which a rename does not change, unless a dump and a restore changed the
-- numbers; columns that cannot be attributed; and generated columns that are computed from any of these. For the archive table
-- also the columns that the table does not have.
CREATE OR REPLACE FUNCTION archive.audit_hidden(audited integer, of_archive_table boolean) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched record;
    numbers smallint[];
    hidden  text[];
BEGIN
    SELECT r.relation::oid AS relation, r.redacted_names, a.archive_table::oid AS archive_table,
           ARRAY[a.deleted_at_column, a.deleted_by_column, a.archival_id_column]::text[] AS added,
           CASE WHEN r.known_place <> archive.place_of(r.relation) THEN '{}' ELSE r.redacted END AS redacted
    INTO watched
    FROM archive.audited_table AS r LEFT JOIN archive.archived_table AS a ON a.active = r.relation
    WHERE r.id = audited;
    IF watched.redacted_names = '{}' AND watched.redacted = '{}' THEN
        RETURN '{}';
    END IF;
    numbers := ARRAY(
        SELECT c.attnum FROM pg_attribute AS c
        WHERE c.attrelid = watched.relation AND c.attnum > 0 AND NOT c.attisdropped
          AND (c.attname = ANY (watched.redacted_names) OR c.attnum = ANY (watched.redacted)
               OR c.attname = ANY (archive.audit_unattributed(audited))));
    LOOP
        hidden := ARRAY(
            SELECT c.attname::text FROM pg_attribute AS c WHERE c.attrelid = watched.relation AND c.attnum = ANY (numbers) ORDER BY c.attnum);
        numbers := numbers || ARRAY(
            SELECT DISTINCT d.adnum FROM pg_attrdef AS d
            JOIN pg_attribute AS c ON c.attrelid = d.adrelid AND c.attnum = d.adnum AND c.attgenerated <> ''
            JOIN pg_depend AS p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refobjid = d.adrelid
            WHERE d.adrelid = watched.relation AND p.refobjsubid = ANY (numbers) AND d.adnum <> ALL (numbers));
        EXIT WHEN cardinality(numbers) = cardinality(hidden);
    END LOOP;
    IF of_archive_table THEN
        RETURN ARRAY(
            SELECT c.attname::text FROM pg_attribute AS c
            WHERE c.attrelid = watched.archive_table AND c.attnum > 0 AND NOT c.attisdropped
              AND (c.attname = ANY (hidden || watched.redacted_names)
                   OR c.attname <> ALL (watched.added)
                      AND NOT EXISTS (SELECT FROM pg_attribute AS o
                                      WHERE o.attrelid = watched.relation AND o.attname = c.attname AND NOT o.attisdropped))
            ORDER BY c.attnum);
    END IF;
    RETURN hidden;
END
$$;

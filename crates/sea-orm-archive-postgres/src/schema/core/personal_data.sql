-- Which columns contain personal data, what becomes of them when a person is erased, and how rows belong to a person. Every statement may
-- run again.

-- A person is a row of a table, such as one of users, which may have been deleted. A rule without a parent is for the rows of that table.
-- Any other rule is for the rows that refer to a row of the parent, which is a person or belongs to one by the rules of the parent.
CREATE TABLE IF NOT EXISTS archive.personal_data (
    id           bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation     regclass NOT NULL,
    parent       regclass,
    link_columns name[]   NOT NULL, -- the columns that refer to the primary key of the parent, in its order
    columns      name[]   NOT NULL, -- the personal columns
    numbers      int2[]   NOT NULL, -- of link_columns and then columns
    place        text     NOT NULL, -- where these numbers are valid
    replacements text[]   NOT NULL, -- of each personal column: what it is replaced with, as archive.exact_text() writes it; NULL for NULL
    logged       jsonb[]  NOT NULL, -- the same as entries of the log contain it
    pseudonyms   boolean[] NOT NULL, -- of each personal column: whether it is replaced with the pseudonym of the person instead
    identifying  boolean[] NOT NULL, -- of each personal column: whether its values are searched for elsewhere too
    deletes_rows boolean  NOT NULL, -- the rows are deleted
    acts         boolean  NOT NULL, -- of a rule without a parent: the actor of the context is the primary key of the person
    UNIQUE NULLS NOT DISTINCT (relation, parent, link_columns)
);

-- The condition that columns of a row have the values of the key of a table, as SQL: $1 is the key, an array of texts. The columns are in the
-- order of the key, and are compared with the operators of its index. NULL where the table has no primary key of as many columns.
CREATE OR REPLACE FUNCTION archive.is_key(relation oid, alias text, names name[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(format('%s.%I OPERATOR(%I.%s) archive.exact_value($1 OPERATOR(pg_catalog.->>) %s, NULL::%s)', alias, k.name, s.nspname, o.oprname, k.ord - 1,
                                 format('%I.%I', y.nspname, x.typname)), ' AND ' ORDER BY k.ord)
        FROM pg_index AS i
        CROSS JOIN unnest(i.indkey::int2[], i.indclass::oid[], names) WITH ORDINALITY AS k (attnum, class, name, ord)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        JOIN pg_type AS x ON x.oid = a.atttypid JOIN pg_namespace AS y ON y.oid = x.typnamespace
        JOIN pg_opclass AS c ON c.oid = k.class
        JOIN pg_amop AS m ON m.amopfamily = c.opcfamily AND m.amopstrategy = 3 AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
        JOIN pg_operator AS o ON o.oid = m.amopopr JOIN pg_namespace AS s ON s.oid = o.oprnamespace
        WHERE i.indrelid = relation AND i.indisprimary AND k.ord <= i.indnkeyatts
        HAVING count(*) = cardinality(names)
    );
END
$$;

-- The columns of the primary key of a table, in the order of the key.
CREATE OR REPLACE FUNCTION archive.key_columns(relation oid) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT array_agg(a.attname ORDER BY k.ord)
        FROM pg_index AS i CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, ord)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = relation AND i.indisprimary AND k.ord <= i.indnkeyatts
    );
END
$$;

-- The columns of the primary key of which equal values may have different texts, such as 1 and 1.0: a person is identified by the exact text of its key, in
-- holds, actors and the log.
CREATE OR REPLACE FUNCTION archive.inexact_key_columns(relation oid) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE part AS (
        SELECT a.attname, a.attcollation, a.atttypid AS type FROM pg_attribute AS a
        WHERE a.attrelid = relation AND a.attnum > 0 AND a.attname = ANY (archive.key_columns(relation))
        UNION ALL
        SELECT p.attname, p.attcollation, y.typbasetype FROM part AS p JOIN pg_type AS y ON y.oid = p.type AND y.typtype = 'd'
    )
    SELECT array_agg(p.attname) FROM part AS p JOIN pg_type AS y ON y.oid = p.type LEFT JOIN pg_collation AS c ON c.oid = p.attcollation
    WHERE y.typtype <> 'd' AND (NOT coalesce(c.collisdeterministic, true) OR y.typtype <> 'e' AND y.oid <> ALL (
        '{int2,int4,int8,oid,bool,uuid,text,varchar,name,bytea,date,time,timestamp,timestamptz,inet,cidr,macaddr}'::regtype[]::oid[]))
$$;

-- Raises where persons of a table cannot be identified by their key.
CREATE OR REPLACE FUNCTION archive.require_person_key(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF archive.inexact_key_columns(relation) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR025', MESSAGE = format(
            'rows of %s cannot be persons: values of its primary key (%s) may be equal and have different texts; use a key of integers, uuid, or text with a deterministic collation',
            relation::regclass, array_to_string(archive.inexact_key_columns(relation), ', '));
    END IF;
    RETURN true;
END
$$;

-- The rules that are for a table, or lead to one, that was dropped, or replaced by another one of the same name.
CREATE OR REPLACE FUNCTION archive.lost_rules() RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(archive.successor(p.relation)::regclass, p.relation) FROM archive.personal_data AS p
    WHERE NOT archive.is_dropped(p.relation)
      AND EXISTS (SELECT FROM unnest(ARRAY[p.relation, p.parent]) AS t(oid) WHERE t.oid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t.oid))
$$;

-- A table as SQL, or with an archive table both, of which only these columns are read. A statement with it sees a row that moves once: in one
-- snapshot it is in one of the tables.
CREATE OR REPLACE FUNCTION archive.with_archived(relation oid, names name[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT string_agg(format('SELECT %s FROM %I.%I AS t', (SELECT string_agg(DISTINCT format('t.%I', n.name), ', ') FROM unnest(names) AS n(name)), s.nspname, c.relname), ' UNION ALL ' ORDER BY p.ord)
        FROM unnest(ARRAY[relation, (SELECT r.archive_table::oid FROM archive.archived_table AS r WHERE r.active::oid = relation)]) WITH ORDINALITY AS p (oid, ord)
        JOIN pg_class AS c ON c.oid = p.oid JOIN pg_namespace AS s ON s.oid = c.relnamespace
    );
END
$$;

-- The condition that a row belongs to a person, as SQL: $1 is the key of the person, an array of texts. NULL where the rule leads to no
-- row of this table.
CREATE OR REPLACE FUNCTION archive.belongs_to(rule archive.personal_data, alias text, subject oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    links  name[] := (archive.names_now(rule.relation, rule.link_columns, rule.numbers[:cardinality(rule.link_columns)], rule.place));
    next   text := repeat('p', length(alias) + 1);
    above  text;
    needed name[];
BEGIN
    IF rule.parent IS NULL THEN
        RETURN CASE WHEN rule.relation::oid = subject THEN archive.is_key(subject, alias, archive.key_columns(subject)) END;
    ELSIF rule.parent::oid = subject THEN
        RETURN archive.is_key(subject, alias, links);
    END IF;
    SELECT string_agg(archive.belongs_to(p, next, subject), ' OR '),
           (SELECT array_agg(DISTINCT n.name) FROM archive.personal_data AS o
            CROSS JOIN LATERAL unnest(archive.names_now(o.relation, o.link_columns, o.numbers[:cardinality(o.link_columns)], o.place)) AS n(name) WHERE o.relation = rule.parent)
    INTO above, needed
    FROM archive.personal_data AS p WHERE p.relation = rule.parent AND p.parent IS NOT NULL;
    -- A parent that was dropped has no key: see archive.lost_rules().
    RETURN CASE WHEN above IS NOT NULL AND archive.key_columns(rule.parent) IS NOT NULL THEN format(
        'EXISTS (SELECT FROM (%s) AS %s WHERE %s AND (%s))', archive.with_archived(rule.parent, archive.key_columns(rule.parent) || needed), next,
        archive.is_same_identity(rule.parent, next, archive.key_columns(rule.parent), alias, links), above) END;
END
$$;

-- The rules for the rows of a person, with present names. `belongs` is the condition for the row "t". `dependents` are the generated columns that
-- are computed from a personal one. Raises where a column was dropped, since its values would stay in the log.
CREATE OR REPLACE FUNCTION archive.personal_rules(subject oid)
RETURNS TABLE (id bigint, relation oid, name text, archive_table oid, keys name[], columns name[], replacements text[], pseudonyms boolean[],
               identifying boolean[], deletes_rows boolean, dependents name[], belongs text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone text;
BEGIN
    SELECT string_agg(format('%I of %s', n.name, p.relation), ', ') INTO gone
    FROM archive.personal_data AS p
    CROSS JOIN LATERAL unnest(archive.names_now(p.relation, p.link_columns || p.columns, p.numbers, p.place)) AS n(name)
    LEFT JOIN pg_attribute AS a ON a.attrelid = p.relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped
    WHERE a.attnum IS NULL AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.relation);
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR025', MESSAGE = format(
            'the person was not erased: personal data is declared for %s, which does not exist; call manager.declare_personal_data(..) with the present columns', gone);
    END IF;
    SELECT string_agg(DISTINCT l.relation::text, ', ') INTO gone FROM archive.lost_rules() AS l(relation);
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR025', MESSAGE = format(
            'the person was not erased: the personal data of %s is declared for a table that was dropped or replaced; call manager.declare_personal_data(..) for it again, or '
            'manager.drop_personal_data(..)', gone);
    END IF;
    -- PostgreSQL would delete or change rows that no rule erases, and the log and the archive tables would not be searched for them.
    SELECT format('%I of %s', k.conname, k.conrelid::regclass) INTO gone
    FROM archive.personal_data AS p JOIN pg_constraint AS k ON k.confrelid = p.relation AND k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND k.conparentid = 0
    WHERE p.deletes_rows AND NOT EXISTS (SELECT FROM archive.personal_data AS o WHERE o.relation::oid = k.conrelid AND o.deletes_rows) LIMIT 1;
    IF gone IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AR025', MESSAGE = format(
            'the person was not erased: rows are deleted to which the foreign key %s refers with ON DELETE CASCADE or SET NULL; declare its rows to be deleted too, or '
            'make it NO ACTION', gone);
    END IF;
    RETURN QUERY
        SELECT p.id, p.relation::oid, concat(s.nspname, '.', c.relname), r.archive_table::oid, archive.key_columns(p.relation), n.names, p.replacements, p.pseudonyms,
               p.identifying, p.deletes_rows,
               ARRAY(SELECT g.attname FROM pg_attribute AS g JOIN pg_attrdef AS f ON f.adrelid = g.attrelid AND f.adnum = g.attnum
                     JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refobjid = g.attrelid
                     JOIN pg_attribute AS a ON a.attrelid = g.attrelid AND a.attnum = d.refobjsubid
                     WHERE g.attrelid = p.relation AND g.attgenerated <> '' AND a.attname = ANY (n.names)),
               b.belongs
        FROM archive.personal_data AS p
        JOIN pg_class AS c ON c.oid = p.relation JOIN pg_namespace AS s ON s.oid = c.relnamespace
        LEFT JOIN archive.archived_table AS r ON r.active = p.relation
        CROSS JOIN LATERAL (SELECT coalesce(archive.names_now(p.relation, p.columns, p.numbers[cardinality(p.link_columns) + 1:], p.place), '{}') AS names) AS n
        CROSS JOIN LATERAL (SELECT archive.belongs_to(p, 't', subject) AS belongs) AS b
        WHERE b.belongs IS NOT NULL
        ORDER BY p.id;
END
$$;

-- Whether rows of a table can belong to rows of another one, by the rules.
CREATE OR REPLACE FUNCTION archive.has_personal_data(relation oid, subject oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM archive.personal_data AS p
                   WHERE p.relation::oid = has_personal_data.relation AND archive.belongs_to(p, 't', subject) IS NOT NULL);
END
$$;

-- Those of the archivals that contain rows of a person; NULL where that cannot be decided: no rule leads to the person now, the owner may not
-- see every row, or a column is missing. It runs as the owner of the archive.
CREATE OR REPLACE FUNCTION archive.archivals_of_person(subject oid, key jsonb, archivals bigint[]) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule  record;
    found bigint[];
    every bigint[];
BEGIN
    IF EXISTS (SELECT FROM archive.lost_rules()) THEN
        RETURN NULL;
    END IF;
    FOR rule IN
        SELECT r.archive_table, r.archival_id_column, p.relation, archive.belongs_to(p, 't', subject) AS belongs
        FROM archive.personal_data AS p JOIN archive.archived_table AS r ON r.active = p.relation
        WHERE archive.belongs_to(p, 't', subject) IS NOT NULL
    LOOP
        -- The tables on the way to the person are queried too.
        PERFORM archive.require_trusted(t.relation), archive.require_trusted(t.archive_table) FROM (
            SELECT p.relation, r.archive_table FROM archive.personal_data AS p JOIN archive.archived_table AS r ON r.active = p.relation
            UNION SELECT p.relation, p.relation FROM archive.personal_data AS p) AS t;
        IF row_security_active(rule.archive_table) AND NOT archive.sees_every_row(rule.archive_table)
           AND (NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = rule.archive_table::oid)
                OR EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = rule.archive_table::oid
                           AND p.polname NOT IN ('tenancy', 'tenancy_administration', 'tenancy_trusted'))) THEN
            RETURN NULL;
        END IF;
        EXECUTE format('SELECT array_agg(DISTINCT t.%1$I) FROM %2$s AS t WHERE t.%1$I = ANY ($2) AND %3$s', rule.archival_id_column, rule.archive_table, rule.belongs)
            INTO found USING key, archivals;
        every := coalesce(every, '{}') || coalesce(found, '{}');
    END LOOP;
    IF every IS NULL AND EXISTS (SELECT FROM archive.personal_data AS p WHERE archive.belongs_to(p, 't', subject) IS NOT NULL) THEN
        RETURN '{}'; -- No table with rows of persons has an archive table.
    END IF;
    RETURN every;
EXCEPTION WHEN data_exception OR undefined_function OR undefined_column OR datatype_mismatch OR cannot_coerce OR integrity_constraint_violation THEN
    RETURN NULL;
END
$$;

-- A primary key, an array of texts as PostgreSQL reads them, as the array of exact texts. It runs with the rights of the caller: a type may run code of
-- its owner.
CREATE OR REPLACE FUNCTION archive.exact_key(relation regclass, key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    query pg_catalog.text;
    exact pg_catalog.jsonb;
BEGIN
    SELECT pg_catalog.format('SELECT pg_catalog.jsonb_build_array(%s)', pg_catalog.string_agg(pg_catalog.format(
               'archive.exact_text(archive.exact_value($1 OPERATOR(pg_catalog.->>) %s, NULL::%s))', k.ord OPERATOR(pg_catalog.-) 1,
               pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY k.ord))
    INTO query
    FROM pg_catalog.unnest(archive.key_columns(relation)) WITH ORDINALITY AS k(name, ord)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid OPERATOR(pg_catalog.=) relation AND a.attname OPERATOR(pg_catalog.=) k.name;
    IF (CASE pg_catalog.jsonb_typeof(key) WHEN 'array' THEN pg_catalog.jsonb_array_length(key) END) IS DISTINCT FROM pg_catalog.cardinality(archive.key_columns(relation))
       OR key OPERATOR(pg_catalog.@>) '[null]' THEN
        PERFORM archive.stop('22023', pg_catalog.format('%s is not a primary key of %s', key, relation));
    END IF;
    EXECUTE query INTO exact USING key;
    RETURN exact;
END
$$;

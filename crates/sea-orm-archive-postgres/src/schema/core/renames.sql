-- How the registers follow columns that were renamed. Every statement may run again.

-- Identifies the cluster and the table in it: after a dump and a restore the columns of the table have other numbers.
CREATE OR REPLACE FUNCTION archive.place_of(relation oid) RETURNS text
LANGUAGE sql STABLE
RETURN (SELECT pg_catalog.concat_ws(' ', c.system_identifier, relation) FROM pg_catalog.pg_control_system() AS c);

ALTER TABLE archive.history_table
    ADD COLUMN IF NOT EXISTS numbers int2[], -- of the columns, in the order of archive.history_columns()
    ADD COLUMN IF NOT EXISTS place   text;   -- where these numbers are valid
ALTER TABLE archive.temporal_foreign_key
    ADD COLUMN IF NOT EXISTS numbers int2[], -- of columns and then time_columns
    ADD COLUMN IF NOT EXISTS place   text;
ALTER TABLE archive.archived_table
    ADD COLUMN IF NOT EXISTS archival_id_number int2, -- of the archival id in the archive table
    ADD COLUMN IF NOT EXISTS place              text;

-- The columns of a history that have a meaning, the identity first.
CREATE OR REPLACE FUNCTION archive.history_columns(history archive.history_table) RETURNS name[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN history.identity_columns
       || ARRAY[history.valid_from, history.valid_to, history.recorded_from, history.recorded_to, history.recorded_by]
       || history.split_columns;

-- The present names of registered columns. A name that a column of the table has stays: that is the column which statements with
-- this name use. Otherwise the column with the recorded number has been renamed, unless a dump and a restore numbered the
-- columns again.
CREATE OR REPLACE FUNCTION archive.names_now(relation oid, names name[], numbers int2[], place text) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT array_agg(CASE WHEN named.attnum IS NULL THEN coalesce(numbered.attname, n.name) ELSE n.name END ORDER BY n.ord)
        FROM unnest(names, numbers) WITH ORDINALITY AS n (name, number, ord)
        LEFT JOIN pg_attribute AS named ON named.attrelid = relation AND named.attname = n.name AND named.attnum > 0 AND NOT named.attisdropped
        LEFT JOIN pg_attribute AS numbered ON numbered.attrelid = relation AND numbered.attnum = n.number AND NOT numbered.attisdropped
                                          AND n.name IS NOT NULL AND place = archive.place_of(relation)
    );
END
$$;

CREATE OR REPLACE FUNCTION archive.numbers_of(relation oid, names name[]) RETURNS int2[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT array_agg(a.attnum ORDER BY n.ord) FROM unnest(names) WITH ORDINALITY AS n (name, ord)
        LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped
    );
END
$$;

-- The present name of the column with the archival ids in the archive table of `active`, where the register has another name; NULL
-- where it has not. A statement with the name in the register would use another column, and move or delete rows of other archivals.
CREATE OR REPLACE FUNCTION archive.renamed_archival_id(active oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT a.attname FROM archive.archived_table AS r JOIN pg_attribute AS a ON a.attrelid = r.archive_table AND a.attnum = r.archival_id_number
        WHERE r.active = renamed_archival_id.active AND a.attname <> r.archival_id_column AND r.place = archive.place_of(r.archive_table)
    );
END
$$;

-- Writes the present names and numbers of columns into the registers of histories and temporal foreign keys, and the numbers of
-- the archival ids of archive tables.
CREATE OR REPLACE FUNCTION archive.follow_renames() RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE archive.history_table AS h
    SET identity_columns = n.names[:i.count], valid_from = n.names[i.count + 1], valid_to = n.names[i.count + 2],
        recorded_from = n.names[i.count + 3], recorded_to = n.names[i.count + 4], recorded_by = n.names[i.count + 5],
        split_columns = CASE WHEN h.split_columns IS NOT NULL THEN n.names[i.count + 6:] END,
        numbers = archive.numbers_of(r.history, n.names), place = archive.place_of(r.history)
    FROM archive.history_table AS r
    CROSS JOIN LATERAL (SELECT cardinality(r.identity_columns) AS count) AS i
    CROSS JOIN LATERAL (SELECT archive.names_now(r.history, archive.history_columns(r), r.numbers, r.place) AS names) AS n
    WHERE h.history = r.history AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.history);
    UPDATE archive.temporal_foreign_key AS k
    SET columns = n.names[:cardinality(r.columns)], time_columns = n.names[cardinality(r.columns) + 1:],
        numbers = archive.numbers_of(r.child, n.names), place = archive.place_of(r.child)
    FROM archive.temporal_foreign_key AS r
    CROSS JOIN LATERAL (SELECT archive.names_now(r.child, r.columns || r.time_columns, r.numbers, r.place) AS names) AS n
    WHERE k.id = r.id AND EXISTS (SELECT FROM pg_class AS c WHERE c.oid = r.child);
    UPDATE archive.archived_table AS r SET archival_id_number = a.attnum, place = archive.place_of(r.archive_table)
    FROM pg_attribute AS a
    WHERE a.attrelid = r.archive_table AND a.attname = r.archival_id_column AND NOT a.attisdropped
      AND r.place IS DISTINCT FROM archive.place_of(r.archive_table);
END
$$;

-- Raises if a table no longer has a column that the functions of a temporal foreign key name. It is declared IMMUTABLE on purpose:
-- see archive.unchanged(). It is evaluated after every change of the table and otherwise costs nothing.
CREATE OR REPLACE FUNCTION archive.has_columns(relation regclass, names name[], foreign_key name) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text := (SELECT string_agg(quote_ident(n.name), ', ') FROM unnest(names) AS n (name)
                     WHERE NOT EXISTS (SELECT FROM pg_attribute AS a
                                       WHERE a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped));
BEGIN
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '55000', MESSAGE = format(
            'the temporal foreign key %I needs column(s) of %s that were renamed or dropped: %s. Call manager.install_archive() in a '
            'migration, which follows a rename, or add the column again', foreign_key, relation, missing);
    END IF;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql VOLATILE AS {body}
-- Every name and operator is qualified, so no search_path of a caller gives them another meaning. Its own search_path would cost
-- more than the stamps. The setting is read here and not by archive.current_actor(), so that a role needs no rights in that
-- schema to update a row.
DECLARE
    moving    pg_catalog.text    := pg_catalog.current_setting('archive.moving', true);
    announced boolean := false;
    linked    pg_catalog.text[]  := '{}';
    computed  pg_catalog.jsonb;
    actor     pg_catalog.text;
BEGIN
    -- Whether a move of this transaction cuts or puts back links of this table, or of the table that this is a partition of. An
    -- announcement by an earlier user of the session contains the number of another transaction.
    IF moving OPERATOR(pg_catalog.<>) '' AND pg_catalog.starts_with(
            moving, pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text OPERATOR(pg_catalog.||) ':') THEN
        announced :=
            pg_catalog.strpos(moving, pg_catalog.concat('~', TG_RELID, ',')) OPERATOR(pg_catalog.>) 0
            OR EXISTS (
                SELECT FROM pg_catalog.pg_partition_ancestors(TG_RELID) AS a
                WHERE pg_catalog.strpos(moving, pg_catalog.concat('~', a.relid::pg_catalog.oid, ','))
                          OPERATOR(pg_catalog.>) 0);
    END IF;{links}
    IF announced OR pg_catalog.cardinality(linked) OPERATOR(pg_catalog.>) 0 THEN
        {preserve}
        RETURN NEW;
    END IF;

    {preserve_created}
    IF NEW OPERATOR(pg_catalog.*=) OLD THEN
        RETURN NEW;
    END IF;
    -- Generated columns have no value yet in NEW, so OLD is compared without them.
    IF {may_compute} THEN
        SELECT pg_catalog.jsonb_object_agg(a.attname, NULL::pg_catalog.text) INTO computed
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_type AS t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
        WHERE a.attrelid OPERATOR(pg_catalog.=) TG_RELID AND a.attnum OPERATOR(pg_catalog.>) 0
          AND a.attgenerated OPERATOR(pg_catalog.<>) '' AND NOT a.attisdropped
          AND t.typtype OPERATOR(pg_catalog.<>) 'd'; -- a domain may refuse NULL
        IF computed IS NOT NULL THEN
            -- A column that was added with a default is not stored in the old rows, and jsonb_populate_record() would lose it.
            -- An assignment adds it to the row.
            {whole}
            IF pg_catalog.jsonb_populate_record(OLD, computed) OPERATOR(pg_catalog.*=) NEW THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    {stamp}
    RETURN NEW;
END
{body}

-- Writes the archival records of the rows that a transaction has caught, at its end. Every statement may run again.
--
-- Children may be caught before their parents, by an earlier statement or in the same one. So each root whose parent was caught too is put
-- into the archival of its parent, with all rows of its own archival. What remains is one archival for each row without a parent that was
-- caught: a forest. All statements are for all rows; their number depends on the number of foreign keys.
--
-- Rows of several tenants are caught where a transaction sets one tenant after another, so each tenant is set while its rows are read.
--
-- Race: the rows are not committed, so no other transaction sees them.
CREATE OR REPLACE FUNCTION archive.record_caught() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    this    bigint := txid_current();
    before  text := archive.current_tenant();
    setting text;
    owner   text;
    held    record;
    moved   bigint;
    ring    bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = this) THEN
        RETURN NULL;
    END IF;
    setting := (SELECT s.name FROM archive.context_setting AS s WHERE s.meaning = 'tenant');
    -- Most often no root can have a parent that was caught.
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT c.guard FROM archive.caught AS c WHERE c.transaction_id = this AND c.key IS NOT NULL) AS c
        JOIN archive.guarded_table AS g ON g.id = c.guard JOIN pg_constraint AS k ON k.conrelid = g.relation AND k.contype = 'f'
        JOIN archive.guarded_table AS p ON p.relation = k.confrelid
        WHERE EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = this AND c.guard = p.id OFFSET 0)) THEN
        FOR held IN
            SELECT c.guard, c.tenant, format('%I.%I', n.nspname, t.relname) AS archive_table, t.oid AS id, r.archival_id_column, l.archive_table AS parent_table,
                   l.archival_id AS parent_id, l.guard AS parent_guard, l.same, (
                       SELECT format('jsonb_build_object(%s)', string_agg(format('%L, archive.exact_json(d.%I)', a.attname, a.attname), ', '))
                       FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
                       WHERE i.indrelid = g.relation::oid AND i.indisprimary) AS key
            FROM (SELECT DISTINCT c.guard, c.tenant FROM archive.caught AS c WHERE c.transaction_id = this AND c.key IS NOT NULL) AS c
            JOIN archive.guarded_table AS g ON g.id = c.guard JOIN archive.archived_table AS r ON r.active::oid = g.relation::oid
            JOIN pg_class AS t ON t.oid = r.archive_table JOIN pg_namespace AS n ON n.oid = t.relnamespace
            CROSS JOIN LATERAL archive.guard_links(g.relation, 'd') WITH ORDINALITY AS l(guard, archive_table, archival_id, same, ord)
            WHERE EXISTS (SELECT FROM archive.caught AS p WHERE p.transaction_id = this AND p.guard = l.guard)
            ORDER BY c.guard, l.ord
        LOOP
            PERFORM archive.require_trusted(held.id), archive.require_trusted(held.parent_table::regclass), set_config(setting, coalesce(held.tenant, before, ''), true);
            EXECUTE format(
                'UPDATE archive.caught AS c SET parent = p.%1$I FROM %2$s AS d JOIN %3$s AS p ON %4$s '
                'WHERE c.transaction_id = $1 AND c.guard = $2 AND c.key IS NOT NULL AND c.parent IS NULL AND c.tenant IS NOT DISTINCT FROM $3 '
                'AND d.%5$I = c.archival_id AND %6$s = c.key AND p.%1$I <> c.archival_id '
                'AND EXISTS (SELECT FROM archive.caught AS q WHERE q.transaction_id = $1 AND q.archival_id = p.%1$I OFFSET 0)',
                held.parent_id, held.archive_table, held.parent_table, held.same, held.archival_id_column, held.key)
            USING this, held.guard, held.tenant;
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = this AND c.parent IS NOT NULL) THEN
        WITH RECURSIVE below AS (
            SELECT c.archival_id, c.parent AS target FROM archive.caught AS c
            WHERE c.transaction_id = this AND c.parent IS NOT NULL
              AND NOT EXISTS (SELECT FROM archive.caught AS p WHERE p.transaction_id = this AND p.archival_id = c.parent AND p.parent IS NOT NULL OFFSET 0)
            UNION ALL
            SELECT c.archival_id, b.target FROM below AS b JOIN archive.caught AS c ON c.transaction_id = this AND c.parent = b.archival_id
        )
        UPDATE archive.caught AS c SET target = b.target FROM below AS b WHERE c.transaction_id = this AND c.archival_id = b.archival_id;
        -- Rows that refer to each other in a ring, and all rows below them, are one archival.
        ring := ARRAY(SELECT c.archival_id FROM archive.caught AS c WHERE c.transaction_id = this AND c.parent IS NOT NULL AND c.target IS NULL ORDER BY 1);
        UPDATE archive.caught AS c SET target = ring[1] WHERE c.transaction_id = this AND c.archival_id = ANY (ring);
    END IF;
    IF EXISTS (SELECT FROM archive.caught AS c WHERE c.transaction_id = this GROUP BY coalesce(c.target, c.archival_id) HAVING min(c.tenant) <> max(c.tenant)) THEN
        PERFORM archive.stop('AR010', (SELECT min(g.relation::text) FROM archive.caught AS c JOIN archive.guarded_table AS g ON g.id = c.guard
                                       WHERE c.transaction_id = this));
    END IF;
    FOR held IN
        SELECT c.guard, c.tenant, format('%I.%I', n.nspname, t.relname) AS archive_table, t.oid AS id, r.archival_id_column, c.rows
        FROM (SELECT c.guard, c.tenant, sum(c.rows) AS rows FROM archive.caught AS c WHERE c.transaction_id = this AND c.target <> c.archival_id GROUP BY c.guard, c.tenant) AS c
        JOIN archive.guarded_table AS g ON g.id = c.guard JOIN archive.archived_table AS r ON r.active::oid = g.relation::oid
        JOIN pg_class AS t ON t.oid = r.archive_table JOIN pg_namespace AS n ON n.oid = t.relnamespace
    LOOP
        PERFORM archive.require_trusted(held.id), set_config(setting, coalesce(held.tenant, before, ''), true);
        EXECUTE format(
            'UPDATE %1$s AS d SET %2$I = c.target FROM (SELECT DISTINCT c.archival_id, c.target FROM archive.caught AS c '
            'WHERE c.transaction_id = $1 AND c.guard = $2 AND c.tenant IS NOT DISTINCT FROM $3 AND c.target <> c.archival_id) AS c '
            'WHERE d.%2$I = c.archival_id', held.archive_table, held.archival_id_column)
        USING this, held.guard, held.tenant;
        GET DIAGNOSTICS moved = ROW_COUNT;
        IF moved <> held.rows THEN
            PERFORM archive.stop('AR004', format('%s rows of %s were caught, and %s of them are there at the end of the transaction: let no trigger and no '
                'statement change rows of the archive table in the transaction that deletes them', held.rows, held.archive_table, moved));
        END IF;
    END LOOP;
    FOR owner IN SELECT DISTINCT c.tenant FROM archive.caught AS c WHERE c.transaction_id = this LOOP
        PERFORM set_config(setting, coalesce(owner, before, ''), true);
        INSERT INTO archive.archival (id, root_table, root_key, archived_at, archived_by, reason, row_counts, tables, tenant)
        SELECT c.target, (array_agg(c.name) FILTER (WHERE c.key IS NOT NULL))[1], (array_agg(c.key) FILTER (WHERE c.key IS NOT NULL))[1], min(c.at),
               (array_agg(c.actor) FILTER (WHERE c.key IS NOT NULL))[1], (array_agg(c.reason) FILTER (WHERE c.key IS NOT NULL))[1],
               jsonb_object_agg(c.name, c.rows), array_agg(c.relation ORDER BY c.key IS NULL, c.guard), owner
        FROM (SELECT coalesce(c.target, c.archival_id) AS target, c.guard, g.relation, concat(n.nspname, '.', t.relname) AS name, sum(c.rows)::bigint AS rows,
                     min(c.at) AS at, max(c.tenant) AS tenant,
                     (array_agg(c.key) FILTER (WHERE c.is_root))[1] AS key, (array_agg(c.actor) FILTER (WHERE c.is_root))[1] AS actor,
                     (array_agg(c.reason) FILTER (WHERE c.is_root))[1] AS reason
              FROM (SELECT c.*, c.key IS NOT NULL AND c.archival_id = coalesce(c.target, c.archival_id) AS is_root FROM archive.caught AS c
                    WHERE c.transaction_id = this) AS c
              JOIN archive.guarded_table AS g ON g.id = c.guard JOIN pg_class AS t ON t.oid = g.relation JOIN pg_namespace AS n ON n.oid = t.relnamespace
              GROUP BY coalesce(c.target, c.archival_id), c.guard, g.relation, n.nspname, t.relname) AS c
        GROUP BY c.target HAVING max(c.tenant) IS NOT DISTINCT FROM owner;
    END LOOP;
    PERFORM set_config(setting, coalesce(before, ''), true);
    DELETE FROM archive.caught AS c WHERE c.transaction_id = this;
    RETURN NULL;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger
                   WHERE tgrelid = 'archive.caught'::pg_catalog.regclass AND tgname = 'record_caught') THEN
        CREATE CONSTRAINT TRIGGER record_caught AFTER INSERT ON archive.caught
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.is_first) EXECUTE FUNCTION archive.record_caught();
        ALTER TABLE archive.caught ENABLE ALWAYS TRIGGER record_caught;
    END IF;
END
$$;

-- Sets each sequence of an identity column of the schema archive past the ids of its table, unless it is past them already.
--
-- Race: a session that has drawn an id and not yet inserted its row holds a lock on the table, which this waits for.
DO $$
DECLARE
    identity record;
BEGIN
    FOR identity IN
        SELECT a.attrelid::pg_catalog.regclass AS relation, a.attname AS name,
               pg_catalog.pg_get_serial_sequence(a.attrelid::pg_catalog.regclass::pg_catalog.text, a.attname)::pg_catalog.regclass AS sequence
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attidentity <> ''
        WHERE c.relnamespace = 'archive'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ORDER BY c.relname
    LOOP
        EXECUTE pg_catalog.format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', identity.relation);
        EXECUTE pg_catalog.format(
            'SELECT pg_catalog.setval(%L::pg_catalog.regclass, i.highest) FROM (SELECT pg_catalog.max(%I) AS highest FROM %s) AS i, %s AS s '
            'WHERE i.highest >= s.last_value + CASE WHEN s.is_called THEN 1 ELSE 0 END',
            identity.sequence, identity.name, identity.relation, identity.sequence);
    END LOOP;
    -- Events may have been deleted, and consumers have read them.
    PERFORM pg_catalog.setval('archive.event_position_seq', h.position)
    FROM (SELECT pg_catalog.max(g.position) AS position FROM (
              SELECT position FROM archive.event_horizon UNION ALL SELECT position FROM archive.event_consumer) AS g) AS h,
         archive.event_position_seq AS s
    WHERE h.position > s.last_value;
END
$$;

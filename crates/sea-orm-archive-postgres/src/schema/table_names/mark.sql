-- Marks the tables that $1 replaces, if a table that was registered together with them still exists: `migrate fresh` would have
-- dropped that table too.
UPDATE archive.known_table AS k SET replaced = true
WHERE NOT k.replaced AND archive.successor(k.relation) = $1::bigint::oid AND EXISTS (
    SELECT FROM pg_catalog.pg_class AS c WHERE c.oid IN (
        SELECT k.relation
        UNION SELECT a.archive_table FROM archive.archived_table AS a WHERE a.active = k.relation
        UNION SELECT a.active FROM archive.archived_table AS a WHERE a.archive_table = k.relation
        UNION SELECT h.history FROM archive.history_table AS h WHERE h.identity = k.relation
        UNION SELECT h.identity FROM archive.history_table AS h WHERE h.history = k.relation
        UNION SELECT f.child FROM archive.temporal_foreign_key AS f WHERE f.history = k.relation
        UNION SELECT f.history FROM archive.temporal_foreign_key AS f WHERE f.child = k.relation))

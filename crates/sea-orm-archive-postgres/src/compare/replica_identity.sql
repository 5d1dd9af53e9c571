-- Tables in a publication whose rows the framework deletes or updates and that have no replica identity: PostgreSQL refuses
-- each such statement. A partition has its own, and is published with its partitioned table.
WITH written (relation, deletes, updates) AS (
    SELECT r.relation, true, true
    FROM archive.archived_table AS a CROSS JOIN LATERAL (VALUES (a.active::oid), (a.archive_table::oid)) AS r (relation)
    UNION
    SELECT h.history::oid, true, true FROM archive.history_table AS h
    UNION
    -- Rows whose link is cut or updated after the change of a key.
    SELECT k.conrelid, false, true FROM pg_constraint AS k JOIN archive.archived_table AS a ON a.active = k.confrelid
    WHERE k.contype = 'f' AND EXISTS (SELECT FROM pg_attribute AS n WHERE n.attrelid = k.conrelid AND n.attnum = ANY (k.conkey) AND NOT n.attnotnull)
    UNION
    SELECT c.oid, true, true FROM pg_class AS c WHERE c.relnamespace = 'archive'::regnamespace AND c.relkind IN ('r', 'p')
),
leaf AS (
    SELECT DISTINCT m.relation, w.deletes, w.updates
    FROM written AS w
    CROSS JOIN LATERAL (SELECT w.relation UNION SELECT p.relid::oid FROM pg_partition_tree(w.relation) AS p) AS m (relation)
),
-- The columns of the replica identity; `whole` where it is FULL.
identity AS (
    SELECT c.oid AS relation, c.relreplident = 'f' AS whole, i.indkey::int2[] AS columns
    FROM pg_class AS c
    LEFT JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
),
published AS (
    SELECT l.relation, p.pubname, r.prattrs::int2[] AS columns
    FROM leaf AS l
    JOIN pg_class AS c ON c.oid = l.relation AND c.relkind = 'r' AND c.relpersistence = 'p'
    CROSS JOIN LATERAL (SELECT l.relation UNION SELECT a.relid::oid FROM pg_partition_ancestors(l.relation) AS a) AS via (relation)
    JOIN pg_class AS v ON v.oid = via.relation
    JOIN pg_publication AS p ON p.pubdelete AND l.deletes OR p.pubupdate AND l.updates
    LEFT JOIN pg_publication_rel AS r ON r.prpubid = p.oid AND r.prrelid = via.relation
    WHERE p.puballtables OR r.oid IS NOT NULL
       OR EXISTS (SELECT FROM pg_publication_namespace AS s WHERE s.pnpubid = p.oid AND s.pnnspid = v.relnamespace)
)
SELECT DISTINCT format('%s.%s', n.nspname, c.relname) AS object,
       CASE WHEN i.whole OR i.columns IS NOT NULL
            THEN format('is in the publication %I with a list of columns that lacks some of its replica identity, so its rows cannot be moved', p.pubname)
            ELSE format('is in the publication %I and has no replica identity, so its rows cannot be moved', p.pubname) END AS problem,
       CASE WHEN i.whole OR i.columns IS NOT NULL THEN format('add those columns to the list, or ALTER PUBLICATION %I without one', p.pubname)
            ELSE format('ALTER TABLE %s REPLICA IDENTITY %s', p.relation::regclass,
                        CASE WHEN EXISTS (SELECT FROM pg_index AS k WHERE k.indrelid = p.relation AND k.indisprimary AND k.indimmediate)
                             THEN 'DEFAULT' ELSE 'FULL' END) END AS remedy
FROM published AS p
JOIN identity AS i ON i.relation = p.relation
JOIN pg_class AS c ON c.oid = p.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.whole AND i.columns IS NULL
   OR p.columns IS NOT NULL AND (i.whole OR NOT i.columns <@ p.columns)

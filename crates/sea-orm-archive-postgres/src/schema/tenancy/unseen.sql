-- The temporal foreign keys from tables under tenancy to histories that are not, where one of the tables $1 is involved.
-- Read with an empty search_path.
SELECT k.name::text AS name, k.child::text AS child, k.history::text AS history, s.origin::regclass::text AS origin,
       coalesce((
           WITH RECURSIVE above AS (
               SELECT h.identity::oid AS relation FROM archive.history_table AS h WHERE h.history = k.history
               UNION
               SELECT h.identity::oid FROM above AS a JOIN archive.history_table AS h ON h.history = a.relation
           )
           SELECT a.relation::regclass::text FROM above AS a
           WHERE NOT EXISTS (SELECT FROM archive.history_table AS h WHERE h.history = a.relation) LIMIT 1), k.history::text) AS identity
FROM archive.temporal_foreign_key AS k
JOIN archive.tenancy_scope AS s ON s.relation = k.child
WHERE NOT EXISTS (SELECT FROM archive.tenancy_scope AS o WHERE o.relation = k.history)
  AND ARRAY[s.origin, k.child::oid, k.history::oid]::bigint[] && $1
ORDER BY k.id LIMIT 1

-- A row at an earlier time: the present row, or the row as it was deleted, with the old values of the columns that changed since.
--
-- Of several changes of a column since that time, the first contains its value at that time. If the next INSERT, DELETE or
-- TRUNCATE of the key after that time is an INSERT, the row did not exist then; if it is a deletion, its entry contains the row.
WITH asked AS MATERIALIZED (
    SELECT k.key, pg_catalog.jsonb_populate_record(NULL::{row_type}, k.key) AS row FROM (SELECT {key} AS key) AS k
),
since AS MATERIALIZED (
    SELECT e.id, e.operation, e.old, e.new, e.redacted, e.archival_id
    FROM archive.audit_entry AS e, asked
    WHERE e.key_hash = (SELECT pg_catalog.jsonb_hash_extended(key, 0) FROM asked) AND e.key = asked.key
      AND e.table_name = {name} AND e.at > {at}
),
boundary AS MATERIALIZED (
    SELECT s.* FROM since AS s WHERE s.operation IN ('INSERT', 'DELETE', 'TRUNCATE') ORDER BY s.id LIMIT 1
),
changed_since AS MATERIALIZED (
    SELECT s.* FROM since AS s WHERE s.id <= coalesce((SELECT b.id FROM boundary AS b), s.id)
),
present AS MATERIALIZED (
    SELECT {row} AS row, false AS archived FROM {table} AS t, asked WHERE {is_asked}
    {archive_table}
),
base AS MATERIALIZED (
    SELECT b.old AS row, true AS deleted, b.archival_id IS NOT NULL AS archived FROM boundary AS b WHERE b.operation <> 'INSERT'
    UNION ALL
    SELECT n.row, false, n.archived FROM present AS n WHERE NOT EXISTS (SELECT FROM boundary)
),
state AS MATERIALIZED (
    SELECT b.deleted,
           coalesce((SELECT m.operation = 'RESTORE' FROM changed_since AS m WHERE m.operation IN ('ARCHIVE', 'RESTORE') ORDER BY m.id LIMIT 1),
                    b.archived) AS archived,
           b.row || coalesce((SELECT pg_catalog.jsonb_object_agg(v.key, v.value ORDER BY s.id DESC)
                              FROM changed_since AS s, pg_catalog.jsonb_each(s.old) AS v
                              WHERE s.operation IN ('UPDATE', 'RESTORE')), '{}') AS row
    FROM base AS b
)
SELECT {columns}, true AS "archive.existed", s.deleted AS "archive.deleted", s.archived AS "archive.archived",
       coalesce((SELECT pg_catalog.jsonb_agg(DISTINCT h) FROM changed_since AS t, pg_catalog.jsonb_array_elements(t.redacted) AS h
                 WHERE t.operation <> 'INSERT'), '[]') AS "archive.redacted",
       -- Columns that the table no longer has: a renamed column cannot be found by its old name.
       coalesce((SELECT pg_catalog.jsonb_agg(DISTINCT v.key) FROM changed_since AS t, pg_catalog.jsonb_each(t.old) AS v
                 WHERE t.operation = 'UPDATE' AND NOT v.key = ANY (ARRAY(
                     SELECT c.attname::pg_catalog.text FROM pg_catalog.pg_attribute AS c
                     WHERE c.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({table_name}) AND c.attnum > 0 AND NOT c.attisdropped))), '[]') AS "archive.renamed"
FROM state AS s, pg_catalog.jsonb_populate_record(NULL::{row_type}, s.row) AS r

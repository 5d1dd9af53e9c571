-- A row at an earlier time: the present row, or the row as it was deleted, with the old values of the columns that changed since.
--
-- Of several changes of a column since that time, the first contains its value at that time. If the next INSERT, DELETE or
-- TRUNCATE of the key after that time is an INSERT, the row did not exist then; if it is a deletion, its entry contains the row.
--
-- Entries of a row are ordered by their time: each statement takes the time while it has the row locked. Ids come from a sequence,
-- which a restore of data or a switch-over by logical replication may set back.
--
-- The time is read from `asked`, so that the planner makes one plan for every time, and does not plan again at each call.
WITH asked AS MATERIALIZED (
    SELECT {keys} AS keys, {at}::pg_catalog.timestamptz AS at
),
asked_row AS MATERIALIZED (
    SELECT r.* FROM asked CROSS JOIN LATERAL pg_catalog.jsonb_to_record(asked.keys[1]) AS r ({key_columns})
),
names AS MATERIALIZED (
    {column_names}
),
-- The next entry after that time that contains the row, or its end. An update contains the row only now and then, so the number of
-- entries that are read does not grow with time. A row without a column that was added later does not count: the first change of
-- that column is in a later entry.
--
-- Hash and time are compared together, as the index has them: the planner could read the entries of all rows by time otherwise,
-- since it expects to find one of this row soon. The time is compared alone too, which excludes partitions.
boundary AS MATERIALIZED (
    SELECT b.* FROM asked CROSS JOIN LATERAL pg_catalog.unnest(asked.keys) AS k (key)
    CROSS JOIN LATERAL (
        SELECT e.at, e.id, e.operation, e.archival_id, e.whole FROM archive.audit_entry AS e
        WHERE (e.key_hash, e.at) > (pg_catalog.jsonb_hash_extended(k.key, 0), asked.at)
          AND (e.key_hash, e.at) <= (pg_catalog.jsonb_hash_extended(k.key, 0), 'infinity'::pg_catalog.timestamptz)
          AND e.key = k.key AND e.table_name = {name} AND e.at > asked.at
          AND (e.operation IN ('INSERT', 'DELETE', 'TRUNCATE') OR e.whole IS NOT NULL AND NOT EXISTS (
                  SELECT FROM pg_catalog.unnest({logged_names}) AS c (name) WHERE NOT EXISTS (
                      SELECT FROM names AS n
                      WHERE n.name_now = c.name AND e.at >= n.valid_from AND e.at < n.valid_to AND pg_catalog.jsonb_exists(e.whole, n.name))))
        ORDER BY e.key_hash, e.at, e.id LIMIT 1
    ) AS b
    ORDER BY b.at, b.id LIMIT 1
),
changed_since AS MATERIALIZED (
    SELECT e.at, e.id, e.operation, coalesce(e.whole, e.old) AS old, e.redacted, e.archival_id
    FROM asked CROSS JOIN LATERAL pg_catalog.unnest(asked.keys) AS k (key)
    CROSS JOIN LATERAL (
        SELECT e.* FROM archive.audit_entry AS e
        WHERE (e.key_hash, e.at) > (pg_catalog.jsonb_hash_extended(k.key, 0), asked.at)
          AND (e.key_hash, e.at) <= (pg_catalog.jsonb_hash_extended(k.key, 0), coalesce((SELECT b.at FROM boundary AS b), 'infinity'))
          AND e.key = k.key AND e.table_name = {name} AND e.at > asked.at
          AND e.at <= coalesce((SELECT b.at FROM boundary AS b), 'infinity')
        -- No limit, but the planner expects one, and so reads them by the index in this order.
        ORDER BY e.key_hash, e.at LIMIT (SELECT NULL::pg_catalog.int8 FROM asked)
    ) AS e
    WHERE NOT EXISTS (SELECT FROM boundary AS b WHERE e.at = b.at AND e.id > b.id)
),
-- The old values, with the present names of their columns. `is_named` is false where the column is not known.
logged AS MATERIALIZED (
    SELECT s.at, s.id, s.operation, v.key AS name, v.value, n.name_now, n.name IS NOT NULL AS is_named
    FROM changed_since AS s
    CROSS JOIN LATERAL pg_catalog.jsonb_each(s.old) AS v
    LEFT JOIN names AS n ON n.name = v.key AND s.at >= n.valid_from AND s.at < n.valid_to
    WHERE s.operation <> 'INSERT'
),
present AS MATERIALIZED (
    SELECT {row} AS row, false AS archived FROM {table} AS t, asked_row WHERE {is_asked}
    {archive_table}
),
base AS MATERIALIZED (
    -- A row that an update contains gets its excluded columns from the present row.
    SELECT coalesce(n.row, '{}') AS row, n.row IS NULL AS deleted, b.archival_id IS NOT NULL AS archived
    FROM boundary AS b LEFT JOIN present AS n ON b.operation = 'UPDATE'
    WHERE b.operation <> 'INSERT'
    UNION ALL
    SELECT n.row, false, n.archived FROM present AS n WHERE NOT EXISTS (SELECT FROM boundary)
),
changed AS MATERIALIZED (
    SELECT coalesce(pg_catalog.jsonb_object_agg(l.name_now, l.value ORDER BY l.at DESC, l.id DESC), '{}') AS row
    FROM logged AS l WHERE l.name_now IS NOT NULL
),
unreadable AS MATERIALIZED (
    SELECT archive.audit_unreadable(pg_catalog.to_regclass({table_name})::pg_catalog.oid, c.row) AS names FROM changed AS c
),
state AS MATERIALIZED (
    SELECT b.deleted,
           coalesce((SELECT m.operation = 'RESTORE' FROM changed_since AS m WHERE m.operation IN ('ARCHIVE', 'RESTORE') ORDER BY m.at, m.id LIMIT 1),
                    b.archived) AS archived,
           b.row || (c.row - u.names) AS row,
           u.names AS unreadable
    FROM base AS b, changed AS c, unreadable AS u
)
SELECT {columns}, true AS "archive.existed", s.deleted AS "archive.deleted", s.archived AS "archive.archived", s.row AS "archive.row",
       -- Columns that changed since and whose values cannot be written back.
       pg_catalog.array_cat(s.unreadable, ARRAY(SELECT l.name FROM logged AS l WHERE NOT l.is_named)) AS "archive.unreadable",
       ARRAY(SELECT l.name FROM pg_catalog.unnest(s.unreadable) AS l (name)
             UNION ALL
             SELECT l.name FROM logged AS l WHERE l.name_now IS NULL
             UNION ALL
             SELECT coalesce(n.name_now, h.name)
             FROM changed_since AS t
             CROSS JOIN LATERAL pg_catalog.jsonb_array_elements_text(t.redacted) AS h (name)
             LEFT JOIN names AS n ON n.name = h.name AND t.at >= n.valid_from AND t.at < n.valid_to
             WHERE t.operation <> 'INSERT'
             UNION ALL
             -- A deleted row has no columns that were added later.
             SELECT c.name FROM pg_catalog.unnest({names}) AS c (name) WHERE s.deleted AND NOT pg_catalog.jsonb_exists(s.row, c.name)
       ) AS "archive.unknown"
FROM state AS s CROSS JOIN LATERAL pg_catalog.jsonb_to_record(s.row) AS r ({definitions})

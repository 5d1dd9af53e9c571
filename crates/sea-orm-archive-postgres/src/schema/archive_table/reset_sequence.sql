-- Sets the sequence $1 to the last of the ids that count in its direction.
WITH last AS (
    SELECT s.seqstart AS start, s.seqincrement AS step,
           CASE WHEN s.seqincrement > 0 THEN ids.highest ELSE ids.lowest END AS id
    FROM pg_catalog.pg_sequence AS s
    CROSS JOIN (SELECT pg_catalog.max(id) AS highest, pg_catalog.min(id) AS lowest FROM ({ids}) AS ids) AS ids
    WHERE s.seqrelid = $1::text::regclass
),
used AS (
    SELECT start, step, coalesce(CASE WHEN step > 0 THEN id >= start ELSE id <= start END, false) AS is_used,
           pg_catalog.ceil((id - start)::numeric / step) AS steps
    FROM last
)
SELECT pg_catalog.setval($1::text::regclass,
           CASE WHEN is_used THEN (start + steps * step)::bigint ELSE start END, is_used)
FROM used

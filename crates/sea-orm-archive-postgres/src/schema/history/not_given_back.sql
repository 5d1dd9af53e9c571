-- A version whose identity does not have its values, and how many such there are. Bytes are compared: a type may
-- know no equality, or call values equal that differ.
SELECT pg_catalog.jsonb_build_object({key})::text AS key, pg_catalog.count(*) OVER () AS rows
FROM {history} AS h
WHERE NOT EXISTS (
    SELECT FROM {identity} AS i
    WHERE {same} AND pg_catalog.record_image_eq(ROW({here}), ROW({there}))
)
ORDER BY 1
LIMIT 1

-- A version whose identity does not have its values, and the number of such versions. Bytes are compared: a type may have no
-- equality operator, or one for which different values are equal.
SELECT pg_catalog.jsonb_build_object({key})::text AS key, pg_catalog.count(*) OVER () AS rows
FROM {history} AS h
WHERE NOT EXISTS (
    SELECT FROM {identity} AS i
    WHERE {same} AND pg_catalog.record_image_eq(ROW({here}), ROW({there}))
)
ORDER BY 1
LIMIT 1

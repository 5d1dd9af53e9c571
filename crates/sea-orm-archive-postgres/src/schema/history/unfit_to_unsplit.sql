-- An identity that has no version, more than one, or one that has ended; and the number of such identities.
SELECT pg_catalog.jsonb_build_object({key})::text AS key,
       pg_catalog.count({first}) AS versions,
       pg_catalog.count({first}) FILTER (WHERE {ended}) AS ended,
       pg_catalog.count(*) OVER () AS identities
FROM {identity} AS i
LEFT JOIN {history} AS h ON {same}
GROUP BY 1
HAVING pg_catalog.count({first}) <> 1 OR pg_catalog.count({first}) FILTER (WHERE {ended}) > 0
ORDER BY 2 DESC, 1
LIMIT 1

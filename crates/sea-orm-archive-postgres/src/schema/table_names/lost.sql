-- The registrations of the table that $1 replaces which $1 does not have.
WITH registered AS (
    {registered}
)
SELECT DISTINCT r.what, r.again, r.never
FROM registered AS r
JOIN archive.known_table AS k ON k.relation = r.relation AND k.replaced
WHERE archive.successor(r.relation) = $1::bigint::oid
  AND NOT EXISTS (SELECT FROM registered AS n WHERE n.relation = $1::bigint::oid AND n.again = r.again AND n.name = r.name)
ORDER BY r.again, r.what

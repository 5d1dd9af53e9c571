-- Whether the constraint $2 of the table $1, which enable_tenancy() created, has the right definition: UNIQUE on the columns
-- $3, or a foreign key from them to the columns $5 of the table $4. No row where it does not exist. Read with an empty
-- search_path.
SELECT pg_get_constraintdef(c.oid) = CASE
           WHEN $4::bigint IS NULL THEN format('UNIQUE (%s)', l.own)
           ELSE format('FOREIGN KEY (%s) REFERENCES %s(%s) ON UPDATE CASCADE', l.own, $4::bigint::oid::regclass, l.others)
       END AS is_right
FROM archive.tenancy_object AS o
JOIN pg_constraint AS c ON c.conrelid = o.relation AND c.conname = o.name
CROSS JOIN LATERAL (
    SELECT (SELECT string_agg(quote_ident(n), ', ' ORDER BY place) FROM unnest($3::text[]) WITH ORDINALITY AS u (n, place)) AS own,
           (SELECT string_agg(quote_ident(n), ', ' ORDER BY place) FROM unnest($5::text[]) WITH ORDINALITY AS u (n, place)) AS others
) AS l
WHERE o.relation = $1::bigint::oid AND o.kind = 'constraint' AND o.name = $2::text

-- Whether a whole, valid index of the table $1 begins with the columns $2, in their order. $3 are the access methods that count.
SELECT EXISTS (
    SELECT FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = c.relam AND m.amname::text = ANY ($3)
    WHERE i.indrelid = $1::bigint::oid AND i.indisvalid AND i.indpred IS NULL
      AND $2 = (
          SELECT array_agg(a.attname::text ORDER BY k.ord)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, ord)
          LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
          WHERE k.ord <= least(cardinality($2), i.indnkeyatts)
      )
) AS has_index

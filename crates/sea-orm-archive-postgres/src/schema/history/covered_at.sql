EXISTS (
        -- The last version that starts before: one index lookup, however many versions there are.
        SELECT FROM (
            SELECT h.{valid_to} AS ends FROM {history} AS h
            WHERE {h_is_w} AND h.{valid_from} <= w.starts{h_is_current}
            ORDER BY h.{valid_from} DESC LIMIT 1
        ) AS v
        WHERE v.ends IS NULL OR v.ends > w.starts
    )

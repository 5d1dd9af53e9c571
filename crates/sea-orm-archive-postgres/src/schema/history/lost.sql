SELECT o.*, l.lost FROM ({ended}) AS o
        CROSS JOIN LATERAL (
            SELECT {multirange}({range}(o.starts, o.ends)) - coalesce(range_agg({range}(h.{valid_from}, h.{valid_to})), '{}') AS lost
            FROM {history} AS h WHERE {h_is_o} AND {h_overlaps_o}{h_is_current}
        ) AS l
        WHERE NOT isempty(l.lost)

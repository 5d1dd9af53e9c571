CASE WHEN w.ends <= w.starts THEN false ELSE coalesce((
        SELECT range_agg({range}(h.{valid_from}, h.{valid_to})) FROM {history} AS h
        WHERE {h_is_w} AND {h_overlaps_w}{h_is_current}
    ), '{}') @> {range}(w.starts, w.ends) END

-- Whose the entries of a table are that were written before: its rows tell, active or archived, and so do the entries
-- that hold a whole row. A key that was one tenant's and another's, and one of which nothing is known, is nobody's.
UPDATE archive.audit_entry AS e
SET tenant = CASE WHEN k.one = k.other THEN k.one ELSE '' END
FROM archive.audit_entry AS x
LEFT JOIN (
    SELECT s.key, pg_catalog.min(s.tenant) AS one, pg_catalog.max(s.tenant) AS other
    FROM ({rows}
          SELECT o.key, o.old->>{name} FROM archive.audit_entry AS o WHERE o.table_name = {table_name} AND o.old ? {name}
          UNION ALL
          SELECT n.key, n.new->>{name} FROM archive.audit_entry AS n WHERE n.table_name = {table_name} AND n.new ? {name}
    ) AS s (key, tenant)
    GROUP BY s.key
) AS k ON k.key = x.key
WHERE x.table_name = {table_name} AND e.id = x.id AND e.at = x.at;

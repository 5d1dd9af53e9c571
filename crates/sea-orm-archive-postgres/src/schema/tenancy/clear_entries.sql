-- Clears the tenant of the entries of a table that were written before it came under tenancy, or with another tenant column.
-- Their tenant comes from a context, from the other column, or from a row of an earlier table of that name. If the table is
-- not audited, its entries are found by its name, unless another table has that name in the log.
--
-- Race: the table is locked, so the entries of every earlier write are committed, and the entries of later writes have the
-- tenant of their row.
UPDATE archive.audit_entry AS e SET tenant = NULL
WHERE e.tenant IS NOT NULL
  AND e.table_name = coalesce((SELECT r.table_name FROM archive.audited_table AS r WHERE r.relation = {relation}::oid),
                              (SELECT {name} WHERE NOT EXISTS (SELECT FROM archive.audited_table AS r WHERE r.table_name = {name})))

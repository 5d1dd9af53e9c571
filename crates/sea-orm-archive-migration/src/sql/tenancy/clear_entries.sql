-- Takes their tenant from the entries of the table {relation} that were written before it came under tenancy, or under
-- another column: they have that of a context, or of another column, or of an earlier table of that name. Where the table
-- is not audited its entries are called as it is, unless another table has that name in the log.
--
-- Race: the table is locked, so the entries of every write before are committed, and those of later writes have the
-- tenant of their row.
UPDATE archive.audit_entry AS e SET tenant = NULL
WHERE e.tenant IS NOT NULL
  AND e.table_name = coalesce((SELECT r.table_name FROM archive.audited_table AS r WHERE r.relation = {relation}::oid),
                              (SELECT {name} WHERE NOT EXISTS (SELECT FROM archive.audited_table AS r WHERE r.table_name = {name})))

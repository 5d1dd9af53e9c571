-- Takes the tenant from the entries of a table that were written before it came under tenancy, or under another column:
-- it is that of a context, or of another column, or of a row of an earlier table of that name. Where the table is not
-- audited, its entries have its name, unless another table has that name in the log.
--
-- Race: the table is locked, so the entries of every earlier write are committed, and those of later writes have the
-- tenant of their row.
UPDATE archive.audit_entry AS e SET tenant = NULL
WHERE e.tenant IS NOT NULL
  AND e.table_name = coalesce((SELECT r.table_name FROM archive.audited_table AS r WHERE r.relation = {relation}::oid),
                              (SELECT {name} WHERE NOT EXISTS (SELECT FROM archive.audited_table AS r WHERE r.table_name = {name})))

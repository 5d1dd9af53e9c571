-- Whose the entries of a table are that were written before: its rows tell, active or archived, and so do the entries
-- that hold a whole row. A key that was one tenant's and another's, and one of which nothing is known, is nobody's.
-- What is older than the audit of this table is left as it is: an earlier table of that name wrote it, of other rows
-- with the same keys.
--
-- What is known is written down first, with an index. Joined in one statement it depends on what PostgreSQL thinks of
-- how many entries there are, and of a table that it has not looked at since it was thinks of one: then each entry
-- was compared with every key. A temporary table would need a right on the database. This one is seen by nobody, since
-- it is dropped before the transaction ends; a migration that makes its own meanwhile waits for that.
CREATE UNLOGGED TABLE archive.tenancy_known AS
SELECT pg_catalog.jsonb_hash_extended(s.key, 0) AS key_hash, s.key, pg_catalog.min(s.tenant) AS tenant
FROM ({rows}
      SELECT o.key, o.old->>{name}
      FROM archive.audited_table AS r JOIN archive.audit_entry AS o ON o.table_name = r.table_name AND o.at >= r.audited_since
      WHERE r.table_name = {table_name} AND o.old ? {name}
      UNION ALL
      SELECT n.key, n.new->>{name}
      FROM archive.audited_table AS r JOIN archive.audit_entry AS n ON n.table_name = r.table_name AND n.at >= r.audited_since
      WHERE r.table_name = {table_name} AND n.new ? {name}
) AS s (key, tenant)
GROUP BY s.key
HAVING pg_catalog.min(s.tenant) = pg_catalog.max(s.tenant);
CREATE INDEX ON archive.tenancy_known (key_hash);
ANALYZE archive.tenancy_known;
UPDATE archive.audit_entry AS e
SET tenant = coalesce((SELECT k.tenant FROM archive.tenancy_known AS k WHERE k.key_hash = e.key_hash AND k.key = e.key), '')
FROM archive.audited_table AS r
WHERE r.table_name = {table_name} AND e.table_name = r.table_name AND e.at >= r.audited_since;
DROP TABLE archive.tenancy_known;

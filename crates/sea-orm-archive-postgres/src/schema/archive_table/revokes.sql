-- Statements that revoke from all roles but the owner the default privileges on the new table $1 and its partitions: a role that may not
-- read the table must not read its archive table.
SELECT DISTINCT format('REVOKE ALL ON %I.%I FROM %s', n.nspname, c.relname,
           CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END) AS statement
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN aclexplode(c.relacl) AS acl
WHERE (c.oid = $1::bigint::oid OR c.oid IN (SELECT p.relid FROM pg_partition_tree($1::bigint::oid::regclass) AS p)) AND acl.grantee <> c.relowner

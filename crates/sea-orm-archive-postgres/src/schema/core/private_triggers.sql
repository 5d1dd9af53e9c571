-- Statements that revoke EXECUTE on trigger functions from all roles but their owner. A role that may put such a function on
-- a table of its own could use it to read and write what the role itself may not. Triggers fire without this right.
SELECT DISTINCT pg_catalog.format('REVOKE ALL ON FUNCTION archive.%I() FROM %s CASCADE', f.proname,
           CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(acl.grantee)) END) AS statement
FROM pg_catalog.pg_proc AS f
CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) AS acl
WHERE f.pronamespace = pg_catalog.to_regnamespace('archive') AND f.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
  AND acl.grantee <> f.proowner AND pg_catalog.pg_has_role(f.proowner, 'USAGE')

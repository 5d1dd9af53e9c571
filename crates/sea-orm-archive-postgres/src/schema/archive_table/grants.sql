-- The grants of the table $1 as statements that grant the same on its archive table $2.
--
-- A role that may delete an active row may archive it, and an archive inserts into the archive table: so DELETE on the table
-- adds INSERT. TRUNCATE, REFERENCES and TRIGGER are left out, since no archive and no restore needs them.
WITH granted AS (
    SELECT acl.grantee, acl.privilege_type AS privilege, acl.is_grantable, NULL::name AS column_name
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl
    WHERE c.oid = $1::bigint::oid AND acl.grantee <> c.relowner
    UNION ALL
    SELECT acl.grantee, acl.privilege_type, acl.is_grantable, a.attname
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    CROSS JOIN aclexplode(a.attacl) AS acl
    WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped AND acl.grantee <> c.relowner
),
wanted AS (
    SELECT grantee, privilege, is_grantable, column_name
    FROM granted WHERE privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    UNION
    SELECT grantee, 'INSERT', false, NULL FROM granted WHERE privilege = 'DELETE'
)
SELECT format('GRANT %s%s ON %I.%I TO %s%s',
           w.privilege,
           CASE WHEN w.column_name IS NULL THEN '' ELSE format(' (%I)', w.column_name) END,
           n.nspname, c.relname,
           CASE w.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(w.grantee)) END,
           CASE WHEN w.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
FROM wanted AS w
CROSS JOIN pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = $2::bigint::oid
ORDER BY statement

-- An archive table has the grants of its table: an archive is a DELETE from the table and an INSERT into the archive table.
-- Grants on the archive table alone are reported only for tables under tenancy.
WITH granted AS (
    SELECT c.oid AS relation, acl.grantee, acl.privilege_type AS privilege, NULL::name AS column_name
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner
    UNION
    SELECT c.oid, acl.grantee, acl.privilege_type, a.attname
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
    CROSS JOIN aclexplode(a.attacl) AS acl WHERE acl.grantee <> c.relowner
),
pair AS (
    SELECT a.oid AS active, t.oid AS archive_table, a.relname AS active_name, a.relowner AS active_owner, t.relowner AS archive_table_owner,
           EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = a.oid) AS has_tenants
    FROM archive.archived_table AS r JOIN pg_class AS a ON a.oid = r.active JOIN pg_class AS t ON t.oid = r.archive_table
),
due AS (
    SELECT p.archive_table, g.grantee, g.privilege, g.column_name FROM pair AS p JOIN granted AS g ON g.relation = p.active
    WHERE g.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') AND g.grantee <> p.archive_table_owner
    UNION
    SELECT p.archive_table, g.grantee, 'INSERT', NULL FROM pair AS p JOIN granted AS g ON g.relation = p.active
    WHERE g.privilege = 'DELETE' AND g.grantee <> p.archive_table_owner
),
given AS (
    SELECT g.relation AS archive_table, g.grantee, g.privilege, g.column_name FROM granted AS g JOIN pair AS p ON p.archive_table = g.relation
),
differences AS (
    SELECT d.*, true AS is_due FROM (SELECT * FROM due EXCEPT SELECT * FROM given) AS d
    UNION ALL
    SELECT d.*, false FROM (SELECT * FROM given EXCEPT SELECT * FROM due) AS d
)
SELECT format('%s.%s', n.nspname, c.relname) AS object, d.problem, d.remedy
FROM (
    SELECT p.archive_table, format(CASE WHEN d.is_due THEN 'does not give %s%s to %s, which its table does'
                               ELSE 'gives %s%s to %s, which its table does not' END,
                          d.privilege, ' (' || d.column_name || ')',
                          CASE d.grantee WHEN 0 THEN 'PUBLIC' ELSE d.grantee::regrole::text END) AS problem,
           CASE WHEN d.is_due THEN format('call manager.sync_archived_table(%s)', to_json(p.active_name::text)) ELSE 'revoke it' END AS remedy
    FROM differences AS d JOIN pair AS p ON p.archive_table = d.archive_table
    WHERE d.is_due OR p.has_tenants
    UNION ALL
    SELECT p.archive_table, format('belongs to %s, and its table to %s', p.archive_table_owner::regrole, p.active_owner::regrole),
           format('ALTER TABLE %s OWNER TO %s', p.archive_table::regclass, p.active_owner::regrole)
    FROM pair AS p WHERE p.archive_table_owner <> p.active_owner
) AS d
JOIN pg_class AS c ON c.oid = d.archive_table
JOIN pg_namespace AS n ON n.oid = c.relnamespace

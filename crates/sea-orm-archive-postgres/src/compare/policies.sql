-- An archive table has the policies of its table, and forces them where its table does. tenancy.sql checks the objects that
-- enable_tenancy() creates.
WITH policy AS (
    SELECT p.polrelid AS relation, p.polname AS name, ROW(p.polcmd, p.polpermissive, p.polroles) AS kind,
           concat('USING ', pg_get_expr(p.polqual, p.polrelid), ' CHECK ', pg_get_expr(p.polwithcheck, p.polrelid)) AS expressions
    FROM pg_policy AS p WHERE p.polname NOT IN ('tenancy', 'tenancy_administration', 'tenancy_trusted')
),
pair AS (
    SELECT a.oid AS active, t.oid AS archive_table, a.relname AS active_name, t.relname AS archive_table_name,
           a.relforcerowsecurity AND NOT t.relforcerowsecurity AS lacks_force
    FROM archive.archived_table AS r JOIN pg_class AS a ON a.oid = r.active JOIN pg_class AS t ON t.oid = r.archive_table
)
SELECT format('%s.%s', n.nspname, c.relname) AS object, d.problem,
       format('call manager.sync_archived_table(%s)', to_json(d.active_name::text)) AS remedy
FROM (
    SELECT p.archive_table, p.active_name, format(CASE WHEN o.name IS NULL THEN 'has no policy %I, which its table has'
                                              ELSE 'has another policy %I than its table' END, a.name) AS problem
    FROM pair AS p
    JOIN policy AS a ON a.relation = p.active
    LEFT JOIN policy AS o ON o.relation = p.archive_table AND o.name = a.name
    -- In a subquery the columns are qualified with the name of the table, so such expressions are not compared.
    WHERE o.name IS NULL OR o.kind <> a.kind
       OR a.expressions NOT LIKE '%SELECT%' AND a.expressions <> o.expressions
    UNION ALL
    SELECT p.archive_table, p.active_name, 'does not force row-level security, which its table does'
    FROM pair AS p
    WHERE p.lacks_force AND NOT EXISTS (SELECT FROM archive.tenancy_scope AS s WHERE s.relation = p.archive_table)
) AS d
JOIN pg_class AS c ON c.oid = d.archive_table
JOIN pg_namespace AS n ON n.oid = c.relnamespace

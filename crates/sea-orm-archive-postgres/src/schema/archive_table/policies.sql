-- The policies of the table $1, each as a statement that drops the policy of that name on the table $2 (a name as SQL), and one
-- that creates it there. The expressions are read with an empty search_path, so every name in them is qualified.
SELECT format('DROP POLICY IF EXISTS %I ON %s', p.policyname, $2) AS drop_statement,
       format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.policyname, $2, p.permissive, p.cmd, (
           SELECT string_agg(CASE role WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(role) END, ', ')
           FROM unnest(p.roles) AS role
       ))
       || coalesce(' USING (' || p.qual || ')', '')
       || coalesce(' WITH CHECK (' || p.with_check || ')', '') AS create_statement
FROM pg_policies AS p
JOIN pg_namespace AS n ON n.nspname = p.schemaname
JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = p.tablename
WHERE c.oid = $1::bigint::oid
ORDER BY p.policyname

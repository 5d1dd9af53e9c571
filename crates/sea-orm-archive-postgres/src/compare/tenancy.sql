-- Differences from the objects that enable_tenancy() created. Run with an empty search_path, as when the definitions were recorded.
WITH scope AS (
    SELECT s.relation, s.what, s.wanted_column, s.tenant_column, s.identity, s.identity_column FROM archive.tenancy_scope AS s
),
-- The shared tables are protected while any table is under tenancy.
shared AS (
    SELECT c.oid AS relation, i.inhrelid IS NOT NULL AS is_partition
    FROM pg_class AS c
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = to_regclass('archive.audit_entry')
    WHERE c.relnamespace = 'archive'::regnamespace AND c.relkind IN ('r', 'p')
      AND (c.relname IN ('archival', 'detached_link', 'audit_entry', 'audit_details') OR i.inhrelid IS NOT NULL)
      AND EXISTS (SELECT FROM archive.tenancy)
),
again AS (
    SELECT 'call manager.enable_tenancy(..) again, which creates it again' AS remedy
),
-- Tables that have the name of a protected table and did not replace it in the registers.
swapped AS (
    SELECT archive.successor(o.relation) AS relation,
           'is another table than the one of this name that was under tenancy, and has lost it' AS problem,
           CASE WHEN EXISTS (SELECT FROM archive.tenancy AS t WHERE t.relation = o.relation)
                THEN 'call manager.enable_tenancy(..) for it, or manager.disable_tenancy(..) if that was meant'
                ELSE 'call manager.sync_archived_table(..) for its table, or manager.create_history_table(..) again' END AS remedy
    FROM (SELECT t.relation::oid FROM archive.tenancy AS t
          UNION SELECT p.relation::oid FROM archive.tenancy_object AS p WHERE p.kind = 'policy') AS o
    WHERE archive.successor(o.relation) IS NOT NULL
      AND NOT EXISTS (SELECT FROM scope AS s WHERE s.relation = archive.successor(o.relation))
),
columns AS (
    SELECT s.relation, CASE WHEN s.wanted_column IS NULL THEN 'has lost its tenant column'
                            ELSE format('has no column %I as its table has it, of the same type and NOT NULL', s.wanted_column) END AS problem,
           CASE WHEN s.wanted_column IS NULL OR s.what = 'table' THEN 'add it again, NOT NULL, and call manager.enable_tenancy(..)'
                WHEN s.what = 'history' THEN 'rename the column here, too, where it was renamed there, and call manager.enable_tenancy(..) again'
                ELSE 'call manager.sync_archived_table(..), or rename the column here, too, and then manager.enable_tenancy(..)' END AS remedy
    FROM scope AS s WHERE s.tenant_column IS NULL
),
-- Histories without a foreign key on the tenant column: neither one of enable_tenancy() nor one of the application.
ties AS (
    SELECT s.relation, 'has no foreign key on the tenant column: a version could have another tenant than its identity' AS problem, again.remedy
    FROM scope AS s CROSS JOIN again
    WHERE s.what = 'history' AND s.tenant_column IS NOT NULL
      AND NOT EXISTS (SELECT FROM archive.tenancy_object AS o WHERE o.relation = s.relation AND o.kind = 'constraint'
                        AND o.definition LIKE 'FOREIGN KEY%')
      AND NOT EXISTS (
          SELECT FROM pg_constraint AS c
          CROSS JOIN unnest(c.conkey, c.confkey) AS k (child, parent)
          JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.child AND a.attname = s.tenant_column
          JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = k.parent AND b.attname = s.identity_column
          WHERE c.conrelid = s.relation AND c.confrelid = s.identity AND c.contype = 'f' AND c.convalidated)
),
heirs AS (
    SELECT s.relation, format('is inherited by %s, which no policy of it reaches', i.inhrelid::regclass) AS problem,
           'use partitions, or ALTER TABLE .. NO INHERIT' AS remedy
    FROM scope AS s JOIN pg_class AS c ON c.oid = s.relation AND c.relkind = 'r' JOIN pg_inherits AS i ON i.inhparent = s.relation
),
unprotected AS (
    SELECT w.relation, 'has row-level security ' || CASE WHEN c.relrowsecurity THEN 'not forced, so its owner sees every row'
                                                         ELSE 'not enabled' END AS problem, again.remedy
    FROM (SELECT relation FROM scope UNION SELECT relation FROM shared) AS w
    JOIN pg_class AS c ON c.oid = w.relation
    CROSS JOIN again
    WHERE NOT (c.relrowsecurity AND c.relforcerowsecurity)
),
-- The required objects, created or not: a partition, an archive table or a history may have been added since.
wanted AS (
    SELECT relation, 'policy' AS kind, 'tenancy'::name AS name FROM scope
    UNION
    SELECT relation, 'policy', 'tenancy' FROM shared WHERE NOT is_partition
    UNION
    SELECT relation, 'trigger', g.name FROM scope CROSS JOIN (VALUES ('tenancy_guard'), ('tenancy_guard_given')) AS g (name)
    WHERE what <> 'archive_table'
    UNION
    SELECT relation, 'trigger', 'tenancy_guard_archived' FROM scope WHERE what = 'archive_table'
    UNION
    SELECT relation, 'trigger', 'tenancy_guard_truncate' FROM scope
    UNION
    SELECT o.relation, o.kind, o.name FROM archive.tenancy_object AS o
    WHERE o.kind NOT IN ('column', 'default') AND EXISTS (SELECT FROM archive.tenancy)
),
missing AS (
    SELECT w.relation, format('has no %s %s', w.kind, w.name) AS problem,
           CASE w.kind WHEN 'function' THEN 'call manager.install_archive() again' ELSE again.remedy END AS remedy
    FROM wanted AS w CROSS JOIN again
    WHERE NOT EXISTS (SELECT FROM archive.tenancy_found AS f
                      WHERE f.relation = w.relation AND f.kind = w.kind AND f.name = w.name)
),
different AS (
    SELECT f.relation, format('has another %s %s than was created (%s)', f.kind, f.name, f.definition) AS problem,
           CASE f.kind WHEN 'function' THEN 'give it back to its owner, call manager.install_archive() again, and find out which role replaced it' ELSE again.remedy END AS remedy
    FROM archive.tenancy_found AS f
    JOIN wanted AS w ON w.relation = f.relation AND w.kind = f.kind AND w.name = f.name
    LEFT JOIN archive.tenancy_object AS o ON o.relation = f.relation AND o.kind = f.kind AND o.name = f.name
    CROSS JOIN again
    WHERE o.definition IS DISTINCT FROM f.definition
),
other AS (
    SELECT f.relation, format('has the permissive policy %s, which lets in more than the tenant''s rows', f.name) AS problem,
           'drop it, or create it AS RESTRICTIVE' AS remedy
    FROM archive.tenancy_found AS f
    WHERE f.kind = 'policy' AND f.permissive
      AND (EXISTS (SELECT FROM scope AS s WHERE s.relation = f.relation) OR EXISTS (SELECT FROM shared AS s WHERE s.relation = f.relation))
      AND NOT EXISTS (SELECT FROM wanted AS w WHERE w.relation = f.relation AND w.kind = f.kind AND w.name = f.name)
),
granted AS (
    SELECT c.oid AS relation, acl.grantee, acl.privilege_type AS privilege, NULL::name AS column_name
    FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl WHERE acl.grantee <> c.relowner
    UNION
    SELECT c.oid, acl.grantee, acl.privilege_type, a.attname
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
    CROSS JOIN aclexplode(a.attacl) AS acl WHERE acl.grantee <> c.relowner
),
-- Only the owner writes to the log and to the registers, and no role reads partitions of the log directly.
internal_grants AS (
    SELECT g.relation, format('gives %s to %s', g.privilege,
               CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END) AS problem,
           'revoke it: triggers write the log, and migrations the registers' AS remedy
    FROM granted AS g JOIN pg_class AS c ON c.oid = g.relation
    WHERE c.relnamespace = 'archive'::regnamespace AND EXISTS (SELECT FROM archive.tenancy)
      AND CASE WHEN c.relkind = 'S' THEN false
               WHEN c.relname IN ('detached_link', 'signing_key') THEN true
               WHEN c.relname ~ '^audit_' THEN g.privilege <> 'SELECT' OR c.relname NOT IN ('audit_entry', 'audit_details')
               ELSE g.privilege <> 'SELECT' END
),
-- Grants to roles that bypass policies. Superusers, which bypass everything, are not reported.
above AS (
    SELECT DISTINCT g.relation, format('is granted to %s, which is above policies (BYPASSRLS)', r.rolname) AS problem,
           'ALTER ROLE .. NOBYPASSRLS, or revoke it' AS remedy
    FROM granted AS g JOIN pg_roles AS r ON r.oid = g.grantee AND r.rolbypassrls AND NOT r.rolsuper
    WHERE EXISTS (SELECT FROM scope AS s WHERE s.relation = g.relation)
),
-- The policies are for the role that was the owner when they were created.
owners AS (
    SELECT p.polrelid AS relation, format('belongs to %s, and its policy %s is for another role', pg_get_userbyid(c.relowner), p.polname) AS problem,
           'give it back to its owner, or ' || again.remedy AS remedy
    FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid CROSS JOIN again
    WHERE p.polname IN ('tenancy_trusted', 'tenancy_writing', 'tenancy_reading', 'tenancy_erasing') AND p.polroles <> ARRAY[c.relowner]
      AND (EXISTS (SELECT FROM scope AS s WHERE s.relation = c.oid) OR EXISTS (SELECT FROM shared AS s WHERE s.relation = c.oid))
),
functions AS (
    SELECT f.oid::regprocedure::text AS object,
           CASE WHEN f.prosecdef AND NOT EXISTS (SELECT FROM unnest(f.proconfig) AS s WHERE s LIKE 'search\_path=%')
                THEN 'runs as its owner with the search_path of its caller'
                ELSE 'is a trigger function that others than its owner may put on a table' END AS problem,
           CASE WHEN f.prorettype = 'trigger'::regtype THEN 'REVOKE EXECUTE on it from all but its owner, and ' ELSE '' END
               || 'call manager.install_archive() and manager.install_audit() again' AS remedy
    FROM pg_proc AS f
    WHERE f.pronamespace = 'archive'::regnamespace AND EXISTS (SELECT FROM archive.tenancy)
      AND ((f.prosecdef AND NOT EXISTS (SELECT FROM unnest(f.proconfig) AS s WHERE s LIKE 'search\_path=%'))
           OR (f.prorettype = 'trigger'::regtype
               AND EXISTS (SELECT FROM aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS acl
                           WHERE acl.grantee <> f.proowner AND acl.privilege_type = 'EXECUTE')))
),
-- The functions of a temporal foreign key see only the rows that the session sees.
temporal AS (
    SELECT k.child::oid AS relation,
           format('has the temporal foreign key %I to %s, which is not under tenancy: a session that ends a version does not see all rows that need it',
                  k.name, k.history) AS problem,
           'put the table of its identities under tenancy with manager.enable_tenancy(..), or drop the foreign key' AS remedy
    FROM archive.temporal_foreign_key AS k
    WHERE EXISTS (SELECT FROM scope AS s WHERE s.relation = k.child) AND NOT EXISTS (SELECT FROM scope AS s WHERE s.relation = k.history)
    UNION ALL
    SELECT c.oid, format('has forced policies of its own, which hide rows from the checks of the temporal foreign key %I', k.name),
           'call manager.install_archive() again, which makes that an error where it happens'
    FROM archive.temporal_foreign_key AS k
    JOIN archive.history_table AS h ON h.history = k.history
    JOIN pg_class AS c ON c.oid IN (k.child, k.history, h.identity) AND c.relforcerowsecurity
    WHERE NOT EXISTS (SELECT FROM scope AS s WHERE s.relation = c.oid)
      AND EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace = 'archive'::regnamespace
                  WHERE t.tgrelid IN (k.child, k.history) AND 'row_security=on' = ANY (f.proconfig)
                    AND f.proname::text ~ ('_' || k.id || '_(insert|update|shorten|delete|truncate)$'))
),
administrators AS (
    SELECT t.relation::oid AS relation, format('is administered by %s, which is no longer a role', t.administrator) AS problem,
           'call manager.enable_tenancy(..) with a role that exists' AS remedy
    FROM archive.tenancy AS t
    WHERE t.administrator IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = t.administrator)
)
SELECT format('%s.%s', n.nspname, c.relname) AS object, d.problem, d.remedy
FROM (
    SELECT * FROM swapped UNION ALL SELECT * FROM columns UNION ALL SELECT * FROM ties UNION ALL SELECT * FROM heirs
    UNION ALL SELECT * FROM above UNION ALL SELECT * FROM owners UNION ALL SELECT * FROM unprotected UNION ALL SELECT * FROM missing UNION ALL SELECT * FROM different UNION ALL SELECT * FROM other
    UNION ALL SELECT * FROM internal_grants UNION ALL SELECT * FROM temporal UNION ALL SELECT * FROM administrators
) AS d
JOIN pg_class AS c ON c.oid = d.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT object, problem, remedy FROM functions
ORDER BY 1, 2

-- Statements that revoke from roles other than the owner all privileges that grant_archive(), grant_audit(), grant_holds(), grant_erasure() and grant_events() do not give.
-- $1 are the objects that existed before. On those the privileges of the helpers stay. On objects that were created since,
-- every grant comes from default privileges and is revoked.
--
-- PUBLIC may still call functions without SECURITY DEFINER: they run with the rights of the caller, and column defaults and
-- policies call some of them.
WITH grantable (relation, privileges) AS (VALUES
    ('archival', '{SELECT}'::text[]),
    ('archival_id_seq', '{}'),
    ('signing_key', '{}'),
    ('detached_link', '{}'),
    ('snapshot_probe', '{}'),
    ('retention', '{}'),
    ('hold', '{SELECT}'),
    ('hold_lock', '{}'),
    ('hold_in_force', '{}'),
    ('personal_data', '{SELECT}'),
    ('erasure', '{SELECT}'),
    ('erased_place', '{SELECT}'),
    ('erasure_row', '{}'),
    ('erasure_value', '{}'),
    ('event', '{SELECT}'),
    ('event_lock', '{SELECT}'),
    ('event_horizon', '{}'),
    ('event_consumer', '{SELECT}'),
    ('guarded_table', '{SELECT}'),
    ('caught', '{}'),
    ('departed', '{}'),
    ('archived_table', '{SELECT}'),
    ('known_table', '{SELECT}'),
    ('history_table', '{SELECT}'),
    ('temporal_foreign_key', '{SELECT}'),
    ('context_setting', '{SELECT}'),
    ('stamped_table', '{SELECT}'),
    ('tenancy', '{SELECT}'),
    ('tenancy_object', '{SELECT}'),
    ('tenancy_scope', '{SELECT}'),
    ('tenancy_found', '{SELECT}'),
    ('audit_entry', '{SELECT}'),
    ('audit_details', '{SELECT}'),
    ('audited_table', '{SELECT}'),
    ('audit_move', '{}')
),
archive AS (
    SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'archive'
),
relation AS (
    SELECT c.tableoid, c.oid, pg_catalog.concat_ws(' ', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
               pg_catalog.format('archive.%I', c.relname)) AS object,
           c.relowner AS owner, c.relacl AS acl,
           -- Nothing is granted on a partition itself, nor on the sequence of an identity column.
           coalesce(k.privileges, CASE WHEN EXISTS (
               SELECT FROM pg_catalog.pg_depend AS d
               JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid AND t.relnamespace = c.relnamespace
               JOIN grantable AS w ON w.relation = t.relname
               WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.refclassid = c.tableoid AND d.deptype IN ('i', 'a')) THEN '{}'::text[] END) AS grantable
    FROM archive JOIN pg_catalog.pg_class AS c ON c.relnamespace = archive.oid AND c.relkind IN ('r', 'p', 'v', 'S')
    LEFT JOIN grantable AS k ON k.relation = c.relname
),
granted AS (
    SELECT r.tableoid, r.oid, r.object, r.owner, r.grantable, acl.grantee, acl.privilege_type AS privilege
    FROM relation AS r CROSS JOIN LATERAL pg_catalog.aclexplode(r.acl) AS acl
    UNION
    SELECT r.tableoid, r.oid, r.object, r.owner, r.grantable, acl.grantee, acl.privilege_type
    FROM relation AS r JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS acl
    UNION
    SELECT n.tableoid, n.oid, 'SCHEMA archive', n.nspowner, NULL, acl.grantee, acl.privilege_type
    FROM archive JOIN pg_catalog.pg_namespace AS n ON n.oid = archive.oid CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS acl
    UNION
    SELECT f.tableoid, f.oid, pg_catalog.format('FUNCTION archive.%I(%s)', f.proname, pg_catalog.pg_get_function_identity_arguments(f.oid)),
           f.proowner, NULL, acl.grantee, acl.privilege_type
    FROM archive JOIN pg_catalog.pg_proc AS f ON f.pronamespace = archive.oid AND f.prosecdef
    CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) AS acl
)
SELECT pg_catalog.format('REVOKE %s ON %s FROM %s CASCADE', pg_catalog.string_agg(g.privilege, ', '), g.object,
           CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) AS statement
FROM granted AS g
WHERE g.grantee <> g.owner AND pg_catalog.pg_has_role(g.owner, 'USAGE')
  AND (pg_catalog.concat_ws(' ', g.tableoid, g.oid) <> ALL ($1) OR g.privilege <> ALL (g.grantable))
GROUP BY g.object, g.grantee
ORDER BY statement

-- What the tables of all registers were called when a helper last saw them, and which table has such a name now. The
-- registers know tables by number; a table that is swapped for another of the same name (create, copy, drop, rename) has
-- another number and would silently be archived, audited, stamped and under tenancy no longer.
CREATE TABLE IF NOT EXISTS archive.known_table (
    relation    regclass PRIMARY KEY,
    schema_name name     NOT NULL,
    table_name  name     NOT NULL,
    replaced    boolean  NOT NULL DEFAULT false -- another table has its place, and not after `migrate fresh`
);

-- The table that has the name now by which `relation` was known: it was dropped or renamed, and this one has its place.
CREATE OR REPLACE FUNCTION archive.successor(relation oid) RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT c.oid
    FROM archive.known_table AS k
    JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) k.schema_name
    JOIN pg_catalog.pg_class AS c ON c.relnamespace OPERATOR(pg_catalog.=) n.oid
                                 AND c.relname OPERATOR(pg_catalog.=) k.table_name
    WHERE k.relation OPERATOR(pg_catalog.=) successor.relation AND c.relkind IN ('r', 'p')
      AND c.oid OPERATOR(pg_catalog.<>) successor.relation
);

-- Whether a register may forget the table: it was dropped, and no table has its name, but for one that takes over what
-- was registered.
CREATE OR REPLACE FUNCTION archive.is_gone(relation oid, taken_over_by oid DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) is_gone.relation)
       AND coalesce(archive.successor(is_gone.relation) OPERATOR(pg_catalog.=) taken_over_by,
                    archive.successor(is_gone.relation) IS NULL);

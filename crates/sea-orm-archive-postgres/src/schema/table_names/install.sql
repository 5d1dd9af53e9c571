-- The names of the tables of all registers at the last call of a helper, and the tables that have these names now. The registers
-- identify tables by oid. A table that replaces another one of the same name (create, copy, drop, rename) has another oid, and
-- would silently no longer be archived, audited, stamped and under tenancy.
CREATE TABLE IF NOT EXISTS archive.known_table (
    relation    regclass PRIMARY KEY,
    schema_name name     NOT NULL,
    table_name  name     NOT NULL,
    replaced    boolean  NOT NULL DEFAULT false -- another table has its name, and not because of `migrate fresh`
);

-- The table that now has the recorded name of `relation`, which was dropped or renamed.
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

-- Whether a register may delete its row of the table: the table was dropped, and no other table has its name, except the one
-- that takes over the registration.
CREATE OR REPLACE FUNCTION archive.is_dropped(relation oid, taken_over_by oid DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NOT EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.oid OPERATOR(pg_catalog.=) is_dropped.relation)
       AND coalesce(archive.successor(is_dropped.relation) OPERATOR(pg_catalog.=) taken_over_by,
                    archive.successor(is_dropped.relation) IS NULL);

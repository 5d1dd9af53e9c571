-- What the catalog contains about tables, for plans and migrations. Such queries are long and easier to read with unqualified
-- names, so they are functions with their own search_path. They run with the rights of the caller.
CREATE OR REPLACE FUNCTION archive.describe_tables(tables oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS {body}
#variable_conflict use_column
BEGIN
    RETURN (
{tables}
    );
END
{body};

-- The same for tables by name. The search_path of the caller resolves the names.
CREATE OR REPLACE FUNCTION archive.describe(names text[]) RETURNS jsonb
LANGUAGE sql STABLE
RETURN archive.describe_tables(ARRAY(
    SELECT pg_catalog.to_regclass(n.name)::oid FROM pg_catalog.unnest(names) WITH ORDINALITY AS n (name, place) ORDER BY n.place));

-- The version of this schema, which the runtime compares with its own whenever it plans.
CREATE OR REPLACE FUNCTION archive.schema_version() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN {version};

-- Runs a query of the runtime that contains expressions of indexes, as PostgreSQL writes them for this search_path. The query
-- only reads, so it fires no trigger of the application.
CREATE OR REPLACE FUNCTION archive.answer(query text, archivals bigint[]) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS {body}
DECLARE
    answer jsonb;
BEGIN
    EXECUTE query INTO answer USING archivals;
    RETURN answer;
-- The query evaluates policies too, whose functions may depend on the search_path of the caller.
EXCEPTION WHEN undefined_table OR undefined_function OR undefined_object THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format(
        'a unique index here has an expression or a condition, so what is in the way of the restore is asked with '
        'search_path = pg_catalog, pg_temp, and then: %s. Name tables and functions with their schema in the functions '
        'that policies and indexes call, or give these functions a search_path', SQLERRM);
END
{body};

CREATE OR REPLACE FUNCTION archive.describe_unique_indexes(tables oid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS {body}
#variable_conflict use_column
BEGIN
    RETURN (
{indexes}
    );
END
{body};

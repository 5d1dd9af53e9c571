-- The context: actor, tenant, request id and details of the request. They are settings of the transaction, which the runtime
-- writes and which triggers and policies read. archive.context_setting contains their names. The functions contain the names
-- too, so that reading one costs no more than current_setting().
--
-- The bodies are parsed once, here: no search_path of a caller gives their operators another meaning.

CREATE OR REPLACE FUNCTION archive.current_actor() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting({actor}, true), '');

CREATE OR REPLACE FUNCTION archive.current_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting({tenant}, true), '');

CREATE OR REPLACE FUNCTION archive.current_request_id() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting({request_id}, true), '');

-- Further details of the request, as the text of a JSON object.
CREATE OR REPLACE FUNCTION archive.current_details() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(pg_catalog.current_setting({details}, true), '');

-- Sets the whole context until the end of the transaction: an argument that is NULL clears its setting.
CREATE OR REPLACE FUNCTION archive.set_context(actor text, tenant text, request_id text, details text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_catalog.set_config({actor}, coalesce(actor, ''), true),
            pg_catalog.set_config({tenant}, coalesce(tenant, ''), true),
            pg_catalog.set_config({request_id}, coalesce(request_id, ''), true),
            pg_catalog.set_config({details}, coalesce(details, ''), true);
END
$$;

-- Sets the actor and the tenant for the rest of the session, which is that of one caller, such as the command: an argument that is NULL sets nothing.
CREATE OR REPLACE FUNCTION archive.set_session_context(actor text, tenant text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_catalog.set_config({actor}, actor, false) WHERE actor IS NOT NULL;
    PERFORM pg_catalog.set_config({tenant}, tenant, false) WHERE tenant IS NOT NULL;
END
$$;

-- Sets the actor alone.
CREATE OR REPLACE FUNCTION archive.set_actor(actor text) RETURNS text
LANGUAGE sql VOLATILE
RETURN pg_catalog.set_config({actor}, coalesce(actor, ''), true);

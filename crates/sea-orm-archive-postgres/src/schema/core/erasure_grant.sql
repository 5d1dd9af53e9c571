-- The rights that a role needs to erase persons, beyond SELECT, UPDATE and DELETE on the tables with their data.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.erasure, archive.erased_place, archive.personal_data, archive.tenancy TO {role};
DO $grant$
DECLARE
    called pg_catalog.regprocedure;
BEGIN
    FOR called IN SELECT f.oid FROM pg_catalog.pg_proc AS f
                  WHERE f.pronamespace = 'archive'::pg_catalog.regnamespace AND pg_catalog.starts_with(f.proname, 'erasure_')
    LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I', called, {role_name});
    END LOOP;
END
$grant$;

-- Hooks of entities: code of the application that runs in the transaction of an archive, a restore or a purge. The database runs none, and
-- refuses what would skip them. Every statement may run again.

-- Records that an entity has hooks, after it has archived: its archivals are restored or purged only where those hooks run.
CREATE OR REPLACE FUNCTION archive.declare_hooks(archivals bigint[], hooks text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    allowed boolean;
    moved   record;
BEGIN
    FOR moved IN SELECT DISTINCT a.tables::oid[] AS tables FROM archive.archival AS a WHERE a.id = ANY (archivals) LOOP
        allowed := archive.require_session() AND archive.require_rights(moved.tables::regclass[], false);
    END LOOP;
    UPDATE archive.archival AS a SET hooks = declare_hooks.hooks
    WHERE a.id = ANY (archivals) AND a.restored_at IS NULL AND a.purged_at IS NULL AND a.hooks IS NULL AND archive.acts_for(a.tenant);
    RETURN true;
END
$$;

-- The table of the entity whose hooks an archival has: that of its root, or of the root of the archival that its rows were taken from.
CREATE OR REPLACE FUNCTION archive.hooked_root(archival bigint) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (WITH RECURSIVE source AS (
                SELECT a.part_of, a.tables[1] AS root FROM archive.archival AS a WHERE a.id = archival
                UNION ALL
                SELECT a.part_of, a.tables[1] FROM source AS s JOIN archive.archival AS a ON a.id = s.part_of
            )
            SELECT s.root FROM source AS s WHERE s.part_of IS NULL);
END
$$;

-- Raises AR033 where an archival with hooks is restored or purged and the setting archive.hooked of the transaction does not name it: its hooks
-- have not run. A preview sets '*'. A part of an archival has the hooks of that archival.
CREATE OR REPLACE FUNCTION archive.require_hooks() RETURNS trigger
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    verb   text := CASE WHEN OLD.purged_at IS NULL AND NEW.purged_at IS NOT NULL THEN 'purge'
                        WHEN OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL THEN 'restore' END;
    hooked text := concat(',', current_setting('archive.hooked', true), ',');
    root   regclass;
    entity text;
BEGIN
    IF verb = ANY (NEW.hooks) AND hooked <> ',*,'
       AND strpos(hooked, concat(',', NEW.id, ',')) = 0 AND (NEW.part_of IS NULL OR strpos(hooked, concat(',', NEW.part_of, ',')) = 0) THEN
        root := archive.hooked_root(NEW.id);
        entity := (SELECT array_to_string(parse_ident(c.oid::regclass::text), '.') FROM pg_class AS c WHERE c.oid = root);
        IF root IS NOT NULL AND entity IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'AR033', MESSAGE = format(
                'archival %1$s was not %2$sd, because it has hooks of a %2$s of the entity of %3$s, which was dropped: create that table again, and '
                'call manager.archive_existing_table(..) for it', NEW.id, verb,
                (SELECT a.root_table FROM archive.archival AS a WHERE a.tables[1]::oid = root::oid ORDER BY a.id LIMIT 1));
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'AR033', MESSAGE = format(
            'archival %1$s was not %2$sd, because the entity of %3$s has hooks of a %2$s, which this call does not run: call %4$s',
            NEW.id, verb, coalesce(entity, NEW.root_table),
            CASE WHEN root::oid <> NEW.tables[1]::oid THEN format(
                     '%s.as_part_of::<E>() of the entity of %s, where E is that of the hooks',
                     CASE verb WHEN 'purge' THEN 'purge_many()' ELSE 'restore_by_id(..)' END, NEW.root_table)
                 WHEN verb = 'purge' THEN 'purge_many() of that entity'
                 ELSE 'restore_by_id(..) or restore_many() of that entity' END);
    END IF;
    RETURN NULL;
END
$$;
-- Not ALWAYS: a subscriber applies what the publisher has restored.
CREATE OR REPLACE TRIGGER require_hooks AFTER UPDATE OF restored_at, purged_at ON archive.archival
    FOR EACH ROW WHEN (NEW.hooks IS NOT NULL) EXECUTE FUNCTION archive.require_hooks();

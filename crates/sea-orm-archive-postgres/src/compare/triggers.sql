,
-- Each partition also has the row triggers, under the same names. `head` and `tail` are the parts before and after the table in
-- PostgreSQL's definition of the trigger.
declared (relation, name, mode, head, tail, remedy) AS (
    SELECT w.relation, 'archive_follow_key'::name, 'A', 'AFTER UPDATE',
           format('FOR EACH ROW WHEN (record_image_ne(ROW(%s), ROW(%s))) EXECUTE FUNCTION archive.follow_key()',
                  (SELECT string_agg(format('old.%I', k.name), ', ' ORDER BY k.ord) FROM unnest(w.columns) WITH ORDINALITY AS k (name, ord)),
                  (SELECT string_agg(format('new.%I', k.name), ', ' ORDER BY k.ord) FROM unnest(w.columns) WITH ORDINALITY AS k (name, ord))),
           'call manager.install_archive() again'
    FROM follow_key_wanted AS w
    UNION ALL
    SELECT w.relation, w.trigger, 'A', 'AFTER ' || left(w.event, -3),
           concat_ws(' ', nullif(w.rows, ''), 'FOR EACH STATEMENT EXECUTE FUNCTION archive.mark_deleted()'),
           'call manager.install_archive() again'
    FROM mark_wanted AS w
    UNION ALL
    SELECT s.stamped, 'zz_stamp', 'O', 'BEFORE UPDATE', format('FOR EACH ROW EXECUTE FUNCTION archive.%I()', s.function),
           'call manager.stamp_table(..) again'
    FROM archive.stamped_table AS s
    UNION ALL
    -- The function has the name of the trigger. A long name of the foreign key is cut, so it is found by its number.
    SELECT e.relation, coalesce(f.proname, concat(k.name, '_', k.id, '_', e.event)), 'O', e.head,
           concat(e.tail, ' EXECUTE FUNCTION archive.', quote_ident(f.proname), '()'),
           'call manager.create_temporal_foreign_key(..) again'
    FROM archive.temporal_foreign_key AS k
    JOIN pg_class AS c ON c.oid = k.child
    CROSS JOIN LATERAL (
        SELECT k.child, 'insert', 'AFTER INSERT',
               CASE c.relkind WHEN 'p' THEN 'FOR EACH ROW' ELSE 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT' END
        UNION ALL
        SELECT k.child, 'update', 'AFTER UPDATE', CASE c.relkind WHEN 'p' THEN 'FOR EACH ROW'
               ELSE 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT' END
        UNION ALL
        SELECT k.history, 'shorten', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'
        UNION ALL
        SELECT k.history, 'delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'
        UNION ALL
        SELECT k.history, 'truncate', 'AFTER TRUNCATE', 'FOR EACH STATEMENT'
    ) AS e (relation, event, head, tail)
    LEFT JOIN pg_proc AS f ON f.pronamespace = 'archive'::regnamespace AND f.proname::text ~ concat('_', k.id, '_', e.event, '$')
    UNION ALL
    SELECT w.relation, w.name, 'A', w.head, w.tail, 'call manager.guard_table(..) again' FROM guard_wanted AS w
    UNION ALL
    SELECT t.relation, t.name, 'A', 'AFTER INSERT', concat('DEFERRABLE INITIALLY DEFERRED FOR EACH ROW ', t.tail), 'call manager.install_archive() again'
    FROM (VALUES ('archive.caught'::regclass, 'record_caught'::name, 'WHEN (new.is_first) EXECUTE FUNCTION archive.record_caught()'),
                 ('archive.departed', 'refuse_departed', 'EXECUTE FUNCTION archive.refuse_departed()')) AS t (relation, name, tail)
    UNION ALL
    SELECT 'archive.snapshot_probe'::regclass, 'report_state', 'O', 'BEFORE DELETE',
           'FOR EACH ROW WHEN ((old.below IS NOT NULL)) EXECUTE FUNCTION archive.report_state()', 'call manager.install_archive() again'
    UNION ALL
    SELECT 'archive.archival'::regclass, 'require_hooks', 'O', 'AFTER UPDATE OF restored_at, purged_at',
           'FOR EACH ROW WHEN ((new.hooks IS NOT NULL)) EXECUTE FUNCTION archive.require_hooks()', 'call manager.install_archive() again'
    UNION ALL
    SELECT e.relation, e.name::name, 'A', e.head, format('DEFERRABLE INITIALLY DEFERRED FOR EACH ROW %sEXECUTE FUNCTION archive.write_event(%L)',
               'WHEN (((old.' || e.marked || ' IS NULL) AND (new.' || e.marked || ' IS NOT NULL))) ', substr(e.name, 7)),
           'call manager.enable_events() again'
    FROM (VALUES
        ('archive.archival'::regclass, 'event_archived', 'AFTER INSERT', NULL),
        ('archive.archival', 'event_restored', 'AFTER UPDATE OF restored_at', 'restored_at'),
        ('archive.archival', 'event_purged', 'AFTER UPDATE OF purged_at', 'purged_at'),
        ('archive.hold', 'event_held', 'AFTER INSERT', NULL),
        ('archive.hold', 'event_released', 'AFTER UPDATE OF released_at', 'released_at'),
        ('archive.erasure', 'event_erased', 'AFTER UPDATE OF finished_at', 'finished_at')) AS e (relation, name, head, marked)
    WHERE EXISTS (SELECT FROM archive.event_lock)
{audited}
),
wanted AS (
    SELECT m.relation, d.name, d.mode, d.remedy, format('%I.%I', n.nspname, c.relname) AS target,
           concat_ws(' ', CASE WHEN d.tail LIKE 'DEFERRABLE %' THEN 'CREATE CONSTRAINT TRIGGER' ELSE 'CREATE TRIGGER' END,
                     quote_ident(d.name), d.head, 'ON', format('%I.%I', n.nspname, c.relname), d.tail) AS definition
    FROM declared AS d
    CROSS JOIN LATERAL (
        SELECT d.relation::oid
        UNION SELECT p.relid::oid FROM pg_partition_tree(d.relation) AS p WHERE d.tail LIKE '%FOR EACH ROW%'
    ) AS m (relation)
    JOIN pg_class AS c ON c.oid = m.relation
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
),
compared AS (
    SELECT w.relation, w.name, w.remedy, w.mode, w.target, t.tgenabled::text AS found_mode, w.definition, pg_get_triggerdef(t.oid) AS found
    FROM wanted AS w LEFT JOIN pg_trigger AS t ON t.tgrelid = w.relation AND t.tgname = w.name
),
-- Triggers that nothing needs. tenancy.sql compares the guards of tenancy.
other AS (
    SELECT t.tgrelid AS relation, t.tgname AS name
    FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid AND f.pronamespace = 'archive'::regnamespace
    WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND f.proname NOT IN ('tenancy_guard', 'tenancy_guard_archived')
      AND NOT EXISTS (SELECT FROM wanted AS w WHERE w.relation = t.tgrelid AND w.name = t.tgname)
)
SELECT format('%s.%s', n.nspname, c.relname) AS object, d.problem, d.remedy
FROM (
    SELECT relation, format('has no trigger %I', name) AS problem, remedy FROM compared WHERE found IS NULL
    UNION ALL
    SELECT relation, format('has another trigger %I than sea-orm-archive creates: %s', name, found),
           CASE name WHEN 'zz_stamp' THEN 'drop it, and ' ELSE '' END || remedy
    FROM compared WHERE found <> definition
    UNION ALL
    SELECT relation, format('has the trigger %I %s', name, CASE found_mode WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled for replicas only'
                                                           WHEN 'A' THEN 'enabled always' ELSE 'enabled, and not always' END),
           format('ALTER TABLE %s ENABLE %sTRIGGER %I', target, CASE mode WHEN 'A' THEN 'ALWAYS ' ELSE '' END, name)
    FROM compared WHERE found = definition AND found_mode <> mode
    UNION ALL
    SELECT relation, format('has the trigger %I of sea-orm-archive, which nothing in its registers needs', name),
           format('DROP TRIGGER %I ON %s', name, relation::regclass)
    FROM other
) AS d
JOIN pg_class AS c ON c.oid = d.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace

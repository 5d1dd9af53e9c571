-- The triggers that write events, and the row that says so. Every statement may run again. They fire at the commit, for each row: the
-- order of the events of one transaction is that of its changes.
INSERT INTO archive.event_lock DEFAULT VALUES ON CONFLICT DO NOTHING;
DROP TRIGGER IF EXISTS event_archived ON archive.archival;
DROP TRIGGER IF EXISTS event_restored ON archive.archival;
DROP TRIGGER IF EXISTS event_purged ON archive.archival;
DROP TRIGGER IF EXISTS event_held ON archive.hold;
DROP TRIGGER IF EXISTS event_released ON archive.hold;
DROP TRIGGER IF EXISTS event_erased ON archive.erasure;
CREATE CONSTRAINT TRIGGER event_archived AFTER INSERT ON archive.archival DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION archive.write_event('archived');
CREATE CONSTRAINT TRIGGER event_restored AFTER UPDATE OF restored_at ON archive.archival DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL) EXECUTE FUNCTION archive.write_event('restored');
CREATE CONSTRAINT TRIGGER event_purged AFTER UPDATE OF purged_at ON archive.archival DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.purged_at IS NULL AND NEW.purged_at IS NOT NULL) EXECUTE FUNCTION archive.write_event('purged');
CREATE CONSTRAINT TRIGGER event_held AFTER INSERT ON archive.hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION archive.write_event('held');
CREATE CONSTRAINT TRIGGER event_released AFTER UPDATE OF released_at ON archive.hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL) EXECUTE FUNCTION archive.write_event('released');
CREATE CONSTRAINT TRIGGER event_erased AFTER UPDATE OF finished_at ON archive.erasure DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL) EXECUTE FUNCTION archive.write_event('erased');
ALTER TABLE archive.archival
    ENABLE ALWAYS TRIGGER event_archived,
    ENABLE ALWAYS TRIGGER event_restored,
    ENABLE ALWAYS TRIGGER event_purged;
ALTER TABLE archive.hold
    ENABLE ALWAYS TRIGGER event_held,
    ENABLE ALWAYS TRIGGER event_released;
ALTER TABLE archive.erasure ENABLE ALWAYS TRIGGER event_erased;

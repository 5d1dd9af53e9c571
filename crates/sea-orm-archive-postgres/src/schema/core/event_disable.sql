-- The reverse of event_enable.sql. The events are deleted, and the horizon moves past every position: what changes until events are enabled
-- again has none, so no reader goes on as if nothing had happened.
--
-- Race: a transaction with events holds a lock on archive.archival, archive.hold or archive.erasure, which DROP TRIGGER waits for, and locks the row of
-- archive.event_lock at its commit. In the other order both would wait for each other.
DROP TRIGGER IF EXISTS event_archived ON archive.archival;
DROP TRIGGER IF EXISTS event_restored ON archive.archival;
DROP TRIGGER IF EXISTS event_purged ON archive.archival;
DROP TRIGGER IF EXISTS event_held ON archive.hold;
DROP TRIGGER IF EXISTS event_released ON archive.hold;
DROP TRIGGER IF EXISTS event_erased ON archive.erasure;
DELETE FROM archive.event;
-- Two positions, so that a consumer that has acknowledged nothing has one before the horizon too, and not 0, which is never refused.
UPDATE archive.event_horizon SET position = (SELECT pg_catalog.max(pg_catalog.nextval('archive.event_position_seq')) FROM pg_catalog.generate_series(1, 2))
    WHERE EXISTS (SELECT FROM archive.event_lock);
UPDATE archive.event_consumer SET position = 1 WHERE position OPERATOR(pg_catalog.=) 0 AND EXISTS (SELECT FROM archive.event_lock);
DELETE FROM archive.event_lock;

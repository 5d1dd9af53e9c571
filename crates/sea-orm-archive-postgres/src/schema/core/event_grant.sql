-- The rights that a role needs to read and acknowledge events.
GRANT USAGE ON SCHEMA archive TO {role};
GRANT SELECT ON archive.event, archive.event_consumer, archive.tenancy TO {role};
GRANT EXECUTE ON FUNCTION archive.require_events(bigint), archive.latest_event(), archive.lock_consumer(text), archive.acknowledge_events(text, bigint),
    archive.remove_consumer(text) TO {role};

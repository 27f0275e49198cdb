-- Lines that are paused: nothing that waits for these triggers is started. A trigger need not be there.
CREATE TABLE paused (
    app_id BLOB NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    trigger_key TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (app_id, trigger_key)
) STRICT;

-- The key of what is cancelled is free again.
CREATE INDEX event_keys_by_event ON event_keys (app_id, event_id);

-- Lines that are paused: nothing that waits for these triggers is started. A trigger need not be there.
CREATE TABLE paused (
    app_id BYTEA NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    trigger_key TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (app_id, trigger_key)
);

-- The key of what is cancelled is free again.
CREATE INDEX event_keys_by_event ON event_keys (app_id, event_id);

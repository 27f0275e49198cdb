-- The order of deliveries with one key is by when they were due first; a retry does not change that.
ALTER TABLE deliveries ADD COLUMN order_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET order_at = CASE WHEN attempt > 0 OR due_at = 9223372036854775807 THEN created_at
    ELSE due_at END;

DROP INDEX deliveries_keyed;
CREATE INDEX deliveries_keyed ON deliveries (app_id, trigger_key, order_key, order_at, seq)
    WHERE order_key IS NOT NULL;
-- What waits is taken trigger by trigger.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (app_id, trigger_key, due_at, order_at, seq)
    WHERE node IS NULL;

-- How often a handler has asked for another time, and how often a message is tried at most (NULL: as its trigger says).
ALTER TABLE deliveries ADD COLUMN snoozes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN max_attempts INTEGER;

-- What was given up is tried again when it is sent again.
CREATE INDEX dead_letters_by_event ON dead_letters (app_id, event_id);

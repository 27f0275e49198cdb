-- A dead letter that is given up takes its idempotency keys along.
CREATE INDEX event_keys_of_event ON event_keys (event_id);

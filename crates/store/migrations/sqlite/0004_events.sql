-- The scripts of each app's active release: what a trigger may point to.
CREATE TABLE live_scripts (
    app_id BLOB NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (app_id, name)
) STRICT;

CREATE TABLE triggers (
    app_id BLOB NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    filter TEXT,
    script TEXT NOT NULL,
    handler TEXT,
    PRIMARY KEY (app_id, key),
    FOREIGN KEY (app_id, script) REFERENCES live_scripts (app_id, name) ON DELETE CASCADE
) STRICT;

CREATE INDEX triggers_by_kind ON triggers (app_id, kind, subject);

CREATE TABLE schedules (
    app_id BLOB NOT NULL,
    key TEXT NOT NULL,
    schedule TEXT NOT NULL,
    timezone TEXT NOT NULL,
    catch_up TEXT NOT NULL,
    next_due_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, key),
    FOREIGN KEY (app_id, key) REFERENCES triggers (app_id, key) ON DELETE CASCADE
) STRICT;

CREATE INDEX schedules_due ON schedules (next_due_at);

-- The outbox. A row goes when its handler has succeeded or it became a dead letter.
CREATE TABLE deliveries (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    app_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    trigger_key TEXT NOT NULL,
    script TEXT,
    handler TEXT,
    subject TEXT NOT NULL,
    order_key TEXT,
    payload BLOB NOT NULL,
    root BLOB NOT NULL,
    parent BLOB,
    depth INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    node BLOB,
    started INTEGER NOT NULL,
    crashes INTEGER NOT NULL,
    suspect INTEGER NOT NULL,
    history TEXT NOT NULL
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (app_id, due_at, seq) WHERE node IS NULL;
CREATE INDEX deliveries_held ON deliveries (node) WHERE node IS NOT NULL;
CREATE INDEX deliveries_keyed ON deliveries (app_id, trigger_key, order_key, seq)
    WHERE order_key IS NOT NULL;

CREATE TABLE dead_letters (
    id BLOB NOT NULL PRIMARY KEY,
    app_id BLOB NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    event_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    trigger_key TEXT NOT NULL,
    script TEXT,
    handler TEXT,
    subject TEXT NOT NULL,
    order_key TEXT,
    payload BLOB NOT NULL,
    root BLOB NOT NULL,
    parent BLOB,
    depth INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    died_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT NOT NULL,
    history TEXT NOT NULL
) STRICT;

CREATE INDEX dead_letters_by_app ON dead_letters (app_id, id);

-- Events that were sent with an idempotency key.
CREATE TABLE event_keys (
    app_id BLOB NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    event_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, scope, key)
) STRICT;

CREATE INDEX event_keys_expiring ON event_keys (expires_at);

-- Processes that hold deliveries. Only used where several share a database.
CREATE TABLE nodes (
    id BLOB NOT NULL PRIMARY KEY,
    place BLOB NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;

ALTER TABLE executions ADD COLUMN event_id BLOB;
ALTER TABLE executions ADD COLUMN attempt INTEGER;
ALTER TABLE executions ADD COLUMN root BLOB;
ALTER TABLE executions ADD COLUMN parent BLOB;

CREATE INDEX executions_by_event ON executions (app_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX executions_by_root ON executions (app_id, root) WHERE root IS NOT NULL;

-- The scripts of each app's active release: what a trigger may point to.
CREATE TABLE live_scripts (
    app_id BYTEA NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (app_id, name)
);

CREATE TABLE triggers (
    app_id BYTEA NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    filter TEXT COLLATE "C",
    script TEXT COLLATE "C" NOT NULL,
    handler TEXT COLLATE "C",
    PRIMARY KEY (app_id, key),
    FOREIGN KEY (app_id, script) REFERENCES live_scripts (app_id, name) ON DELETE CASCADE
);

CREATE INDEX triggers_by_kind ON triggers (app_id, kind, subject);

CREATE TABLE schedules (
    app_id BYTEA NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    schedule TEXT COLLATE "C" NOT NULL,
    timezone TEXT COLLATE "C" NOT NULL,
    catch_up TEXT COLLATE "C" NOT NULL,
    next_due_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, key),
    FOREIGN KEY (app_id, key) REFERENCES triggers (app_id, key) ON DELETE CASCADE
);

CREATE INDEX schedules_due ON schedules (next_due_at);

-- The outbox. A row goes when its handler has succeeded or it became a dead letter.
CREATE TABLE deliveries (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    app_id BYTEA NOT NULL,
    event_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    trigger_key TEXT COLLATE "C" NOT NULL,
    script TEXT COLLATE "C",
    handler TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    order_key TEXT COLLATE "C",
    payload BYTEA NOT NULL,
    root BYTEA NOT NULL,
    parent BYTEA,
    depth BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    node BYTEA,
    started BIGINT NOT NULL,
    crashes BIGINT NOT NULL,
    suspect BIGINT NOT NULL,
    history TEXT COLLATE "C" NOT NULL
);

CREATE INDEX deliveries_waiting ON deliveries (app_id, due_at, seq) WHERE node IS NULL;
CREATE INDEX deliveries_held ON deliveries (node) WHERE node IS NOT NULL;
CREATE INDEX deliveries_keyed ON deliveries (app_id, trigger_key, order_key, seq)
    WHERE order_key IS NOT NULL;

CREATE TABLE dead_letters (
    id BYTEA NOT NULL PRIMARY KEY,
    app_id BYTEA NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    event_id BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    trigger_key TEXT COLLATE "C" NOT NULL,
    script TEXT COLLATE "C",
    handler TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    order_key TEXT COLLATE "C",
    payload BYTEA NOT NULL,
    root BYTEA NOT NULL,
    parent BYTEA,
    depth BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    died_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT COLLATE "C" NOT NULL,
    history TEXT COLLATE "C" NOT NULL
);

CREATE INDEX dead_letters_by_app ON dead_letters (app_id, id);

-- Events that were sent with an idempotency key.
CREATE TABLE event_keys (
    app_id BYTEA NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    scope TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    event_id BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, scope, key)
);

CREATE INDEX event_keys_expiring ON event_keys (expires_at);

-- Processes that hold deliveries. Only used where several share a database.
CREATE TABLE nodes (
    id BYTEA NOT NULL PRIMARY KEY,
    place BYTEA NOT NULL,
    lease_until BIGINT NOT NULL
);

ALTER TABLE executions ADD COLUMN event_id BYTEA;
ALTER TABLE executions ADD COLUMN attempt BIGINT;
ALTER TABLE executions ADD COLUMN root BYTEA;
ALTER TABLE executions ADD COLUMN parent BYTEA;

CREATE INDEX executions_by_event ON executions (app_id, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX executions_by_root ON executions (app_id, root) WHERE root IS NOT NULL;

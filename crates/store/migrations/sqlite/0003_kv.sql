CREATE TABLE kv (
    app_id BLOB NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    format INTEGER NOT NULL,
    value BLOB NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (app_id, collection, key)
) STRICT;

CREATE INDEX kv_expiring ON kv (app_id, expires_at) WHERE expires_at IS NOT NULL;

-- SQLite has no sequences; its one writer makes this row one.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO counters (name, value) VALUES ('kv', 0);

CREATE TABLE kv (
    app_id BYTEA NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    format BIGINT NOT NULL,
    value BYTEA NOT NULL,
    version BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (app_id, collection, key)
);

CREATE INDEX kv_expiring ON kv (app_id, expires_at) WHERE expires_at IS NOT NULL;

CREATE SEQUENCE kv_version;

CREATE TABLE executions (
    id BYTEA NOT NULL PRIMARY KEY,
    app_id BYTEA NOT NULL,
    request_id BYTEA NOT NULL,
    script TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    release BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C",
    status BIGINT,
    outcome TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    started_at BIGINT NOT NULL,
    wall_us BIGINT NOT NULL,
    cpu_us BIGINT NOT NULL,
    operations BIGINT NOT NULL,
    memory_peak BIGINT NOT NULL,
    host_calls BIGINT NOT NULL
);

CREATE INDEX executions_by_app ON executions (app_id, id);

CREATE TABLE log_lines (
    app_id BYTEA NOT NULL,
    execution_id BYTEA NOT NULL,
    line BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level BIGINT NOT NULL,
    script TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    fields TEXT COLLATE "C",
    PRIMARY KEY (app_id, execution_id, line)
);

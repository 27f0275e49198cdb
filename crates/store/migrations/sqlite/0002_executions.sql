CREATE TABLE executions (
    id BLOB NOT NULL PRIMARY KEY,
    app_id BLOB NOT NULL,
    request_id BLOB NOT NULL,
    script TEXT NOT NULL,
    version INTEGER NOT NULL,
    release INTEGER NOT NULL,
    source TEXT NOT NULL,
    target TEXT,
    status INTEGER,
    outcome TEXT NOT NULL,
    error TEXT,
    started_at INTEGER NOT NULL,
    wall_us INTEGER NOT NULL,
    cpu_us INTEGER NOT NULL,
    operations INTEGER NOT NULL,
    memory_peak INTEGER NOT NULL,
    host_calls INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX executions_by_app ON executions (app_id, id);

CREATE TABLE log_lines (
    app_id BLOB NOT NULL,
    execution_id BLOB NOT NULL,
    line INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level INTEGER NOT NULL,
    script TEXT NOT NULL,
    message TEXT NOT NULL,
    fields TEXT,
    PRIMARY KEY (app_id, execution_id, line)
) STRICT, WITHOUT ROWID;

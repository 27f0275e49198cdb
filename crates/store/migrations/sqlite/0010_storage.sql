-- What each app keeps, by service, counted in the transaction of each change. PostgreSQL counts in parts.
CREATE TABLE storage (
    app_id BLOB NOT NULL,
    service TEXT NOT NULL,
    part INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (app_id, service, part)
) STRICT, WITHOUT ROWID;

-- What an app may keep; NULL: what the instance says.
ALTER TABLE apps ADD COLUMN storage_limit INTEGER;

INSERT INTO storage SELECT app_id, 'kv', 0, COUNT(*), SUM(length(CAST(key AS BLOB)) + length(value))
    FROM kv GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'scripts', 0, COUNT(*), SUM(length(CAST(source AS BLOB)))
    FROM contents GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'dead_letters', 0, COUNT(*), SUM(length(payload))
    FROM dead_letters GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'records', 0, COUNT(*), SUM(length(CAST(COALESCE(error, '') AS BLOB)))
    FROM executions GROUP BY app_id;
INSERT INTO storage (app_id, service, part, entries, bytes)
    SELECT app_id, 'records', 0, 0, SUM(length(CAST(message AS BLOB)) + length(CAST(COALESCE(fields, '') AS BLOB)))
    FROM log_lines WHERE true GROUP BY app_id
    ON CONFLICT (app_id, service, part) DO UPDATE SET bytes = bytes + excluded.bytes;

CREATE TRIGGER storage_kv_added AFTER INSERT ON kv BEGIN
    INSERT INTO storage (app_id, service, part, entries, bytes)
        VALUES (NEW.app_id, 'kv', 0, 1, length(CAST(NEW.key AS BLOB)) + length(NEW.value))
        ON CONFLICT (app_id, service, part)
        DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
    SELECT RAISE(ABORT, 'storage_full') WHERE
        (SELECT SUM(bytes) FROM storage WHERE app_id = NEW.app_id AND service <> 'records')
        > COALESCE((SELECT storage_limit FROM apps WHERE id = NEW.app_id),
            (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'storage.app'), 9223372036854775807);
END;

CREATE TRIGGER storage_kv_changed AFTER UPDATE OF value ON kv WHEN length(NEW.value) <> length(OLD.value) BEGIN
    UPDATE storage SET bytes = bytes + length(NEW.value) - length(OLD.value)
        WHERE app_id = NEW.app_id AND service = 'kv' AND part = 0;
    SELECT RAISE(ABORT, 'storage_full') WHERE length(NEW.value) > length(OLD.value) AND
        (SELECT SUM(bytes) FROM storage WHERE app_id = NEW.app_id AND service <> 'records')
        > COALESCE((SELECT storage_limit FROM apps WHERE id = NEW.app_id),
            (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'storage.app'), 9223372036854775807);
END;

CREATE TRIGGER storage_kv_removed AFTER DELETE ON kv BEGIN
    UPDATE storage SET entries = entries - 1,
        bytes = bytes - length(CAST(OLD.key AS BLOB)) - length(OLD.value)
        WHERE app_id = OLD.app_id AND service = 'kv' AND part = 0;
END;

CREATE TRIGGER storage_scripts_added AFTER INSERT ON contents BEGIN
    INSERT INTO storage (app_id, service, part, entries, bytes)
        VALUES (NEW.app_id, 'scripts', 0, 1, length(CAST(NEW.source AS BLOB)))
        ON CONFLICT (app_id, service, part)
        DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
    SELECT RAISE(ABORT, 'storage_full') WHERE
        (SELECT SUM(bytes) FROM storage WHERE app_id = NEW.app_id AND service <> 'records')
        > COALESCE((SELECT storage_limit FROM apps WHERE id = NEW.app_id),
            (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'storage.app'), 9223372036854775807);
END;

CREATE TRIGGER storage_scripts_removed AFTER DELETE ON contents BEGIN
    UPDATE storage SET entries = entries - 1, bytes = bytes - length(CAST(OLD.source AS BLOB))
        WHERE app_id = OLD.app_id AND service = 'scripts' AND part = 0;
END;

CREATE TRIGGER storage_dead_letters_added AFTER INSERT ON dead_letters BEGIN
    INSERT INTO storage (app_id, service, part, entries, bytes)
        VALUES (NEW.app_id, 'dead_letters', 0, 1, length(NEW.payload))
        ON CONFLICT (app_id, service, part)
        DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER storage_dead_letters_removed AFTER DELETE ON dead_letters BEGIN
    UPDATE storage SET entries = entries - 1, bytes = bytes - length(OLD.payload)
        WHERE app_id = OLD.app_id AND service = 'dead_letters' AND part = 0;
END;

CREATE TRIGGER storage_app_gone AFTER DELETE ON apps BEGIN
    DELETE FROM storage WHERE app_id = OLD.id;
END;

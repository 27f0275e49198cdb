-- What each app keeps, by service, counted in the transaction of each change. Each connection counts in a part
-- of its own, so that none waits for another; what a service keeps is the sum of its parts.
CREATE TABLE storage (
    app_id BYTEA NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    part BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (app_id, service, part)
);

-- What an app may keep; NULL: what the instance says.
ALTER TABLE apps ADD COLUMN storage_limit BIGINT;

INSERT INTO storage SELECT app_id, 'kv', 0, COUNT(*), SUM(octet_length(key) + octet_length(value))
    FROM kv GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'scripts', 0, COUNT(*), SUM(octet_length(source))
    FROM contents GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'dead_letters', 0, COUNT(*), SUM(octet_length(payload))
    FROM dead_letters GROUP BY app_id;
INSERT INTO storage SELECT app_id, 'records', 0, COUNT(*), SUM(octet_length(COALESCE(error, '')))
    FROM executions GROUP BY app_id;
INSERT INTO storage AS s (app_id, service, part, entries, bytes)
    SELECT app_id, 'records', 0, 0, SUM(octet_length(message) + octet_length(COALESCE(fields, '')))
    FROM log_lines GROUP BY app_id
    ON CONFLICT (app_id, service, part) DO UPDATE SET bytes = s.bytes + excluded.bytes;

CREATE FUNCTION storage_count(app BYTEA, what TEXT, entries_more BIGINT, bytes_more BIGINT, bounded BOOLEAN)
RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    -- What goes with its app is not counted: the app's rows here are gone already.
    IF entries_more < 0 AND NOT EXISTS (SELECT 1 FROM apps a WHERE a.id = app) THEN
        RETURN;
    END IF;
    INSERT INTO storage AS s (app_id, service, part, entries, bytes)
        VALUES (app, what, pg_backend_pid(), entries_more, bytes_more)
        ON CONFLICT (app_id, service, part)
        DO UPDATE SET entries = s.entries + excluded.entries, bytes = s.bytes + excluded.bytes;
    IF bounded AND bytes_more > 0 AND
        (SELECT SUM(s.bytes) FROM storage s WHERE s.app_id = app AND s.service <> 'records')
        > COALESCE((SELECT a.storage_limit FROM apps a WHERE a.id = app),
            (SELECT CAST(t.value AS BIGINT) FROM settings t WHERE t.name = 'storage.app'),
            9223372036854775807) THEN
        RAISE EXCEPTION 'storage_full' USING ERRCODE = 'PC507';
    END IF;
END $$;

CREATE FUNCTION storage_of_kv() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM storage_count(NEW.app_id, 'kv', 1, octet_length(NEW.key) + octet_length(NEW.value), TRUE);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM storage_count(OLD.app_id, 'kv', -1, -octet_length(OLD.key) - octet_length(OLD.value), FALSE);
    ELSIF octet_length(NEW.value) <> octet_length(OLD.value) THEN
        PERFORM storage_count(NEW.app_id, 'kv', 0, octet_length(NEW.value) - octet_length(OLD.value), TRUE);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION storage_of_scripts() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM storage_count(NEW.app_id, 'scripts', 1, octet_length(NEW.source), TRUE);
    ELSE
        PERFORM storage_count(OLD.app_id, 'scripts', -1, -octet_length(OLD.source), FALSE);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION storage_of_dead_letters() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM storage_count(NEW.app_id, 'dead_letters', 1, octet_length(NEW.payload), FALSE);
    ELSE
        PERFORM storage_count(OLD.app_id, 'dead_letters', -1, -octet_length(OLD.payload), FALSE);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION storage_of_app() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM storage WHERE app_id = OLD.id;
    RETURN NULL;
END $$;

CREATE TRIGGER storage_kv AFTER INSERT OR DELETE OR UPDATE OF value ON kv
    FOR EACH ROW EXECUTE FUNCTION storage_of_kv();
CREATE TRIGGER storage_scripts AFTER INSERT OR DELETE ON contents
    FOR EACH ROW EXECUTE FUNCTION storage_of_scripts();
CREATE TRIGGER storage_dead_letters AFTER INSERT OR DELETE ON dead_letters
    FOR EACH ROW EXECUTE FUNCTION storage_of_dead_letters();
CREATE TRIGGER storage_app_gone AFTER DELETE ON apps
    FOR EACH ROW EXECUTE FUNCTION storage_of_app();

-- At most one app answers on hosts nobody claimed. Of several, from two changes at once, the oldest stays.
UPDATE apps SET is_default = 0, deployment = deployment + 1 WHERE is_default = 1 AND id NOT IN
    (SELECT id FROM apps WHERE is_default = 1 ORDER BY created_at, id LIMIT 1);
CREATE UNIQUE INDEX apps_one_default ON apps (is_default) WHERE is_default = 1;

-- What becomes of ticks that are due while the last run goes on (NULL: the default), how many were skipped for it, and
-- the last tick that was considered.
ALTER TABLE schedules ADD COLUMN overlap TEXT;
ALTER TABLE schedules ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE schedules ADD COLUMN last_due_at INTEGER;

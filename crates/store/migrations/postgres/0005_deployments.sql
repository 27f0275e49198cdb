-- Raised by every change of what is served for the app, in the same transaction.
ALTER TABLE apps ADD COLUMN deployment BIGINT NOT NULL DEFAULT 0;

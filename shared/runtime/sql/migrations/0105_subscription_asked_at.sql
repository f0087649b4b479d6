-- A Subscription can be updated: patience with its handshake is counted from when it was last asked for.
ALTER TABLE notify.subscription ADD COLUMN asked_at timestamptz;
UPDATE notify.subscription SET asked_at = created_at;
ALTER TABLE notify.subscription ALTER COLUMN asked_at SET DEFAULT now(), ALTER COLUMN asked_at SET NOT NULL;
COMMENT ON COLUMN notify.subscription.asked_at IS 'When it was created or last updated: patience with the handshake counts from then.';
GRANT SELECT (asked_at) ON notify.subscription TO graftwatch_console, graftwatch_reader;

-- What was decided by a clock that has been set back since is told as if it had been decided now: of escalations too.

ALTER TABLE notify.escalation ADD COLUMN decided_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN notify.escalation.decided_at IS 'When it was decided, from which due_at counts; those of before this column: when it was added.';

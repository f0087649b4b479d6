-- A delivery that was given up is a fault until somebody says that its recipient was told by another way: time does not mend it.

ALTER TABLE notify.delivery
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled_by text,
    ADD COLUMN settled_note text;
COMMENT ON COLUMN notify.delivery.settled_at IS 'Of one that was given up: when somebody said that the recipient was told by another way; null: nobody has.';
COMMENT ON COLUMN notify.delivery.settled_by IS 'Who said so, as the record shall name them.';
COMMENT ON COLUMN notify.delivery.settled_note IS 'By which way, or why there was nothing to tell any more.';
CREATE INDEX delivery_not_settled ON notify.delivery (channel) WHERE state = 'given-up' AND settled_at IS NULL;

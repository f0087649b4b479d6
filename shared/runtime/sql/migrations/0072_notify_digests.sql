-- What is due in a digest is found without looking at every mail that waits.

CREATE INDEX delivery_of_no_digest_yet ON notify.delivery (due_at)
WHERE mode = 'digest' AND state = 'pending' AND message_id IS NULL;

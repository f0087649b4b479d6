-- How far notify is, for the terminal and the demonstration. Read as the role graftwatch_reader.

-- name: notices
SELECT count(*) AS notices, count(*) FILTER (WHERE deliveries = 0) AS silent FROM notify.notice

-- name: deliveries
SELECT channel, state, count(*) AS deliveries FROM notify.delivery GROUP BY channel, state ORDER BY channel, state

-- name: given_up
-- Who was not told of what, and why: until somebody settles it.
SELECT n.event_id, n.kind, n.urgency, n.site, d.recipient, d.channel, d.decided_at, coalesce(d.says, '') AS says
FROM notify.delivery d JOIN notify.notice n USING (event_id)
WHERE d.state = 'given-up' AND d.settled_at IS NULL ORDER BY d.decided_at, d.sequence LIMIT $1

-- name: given_up_by_channel
SELECT channel, count(*) AS deliveries FROM notify.delivery
WHERE state = 'given-up' AND settled_at IS NULL GROUP BY channel ORDER BY channel

-- name: settle
-- Of one event, of one recipient, or of one event to one recipient.
UPDATE notify.delivery SET settled_at = now(), settled_by = $3, settled_note = $4
WHERE state = 'given-up' AND settled_at IS NULL AND ($1::uuid IS NULL OR event_id = $1) AND ($2::text IS NULL OR recipient = $2)

-- name: failing
SELECT endpoint, count(*) AS deliveries, coalesce(max(says), '') AS says
FROM notify.delivery WHERE state = 'pending' AND attempts > 0 GROUP BY endpoint ORDER BY endpoint

-- name: escalations
SELECT count(*) FROM notify.escalation WHERE state = 'pending'

-- name: acknowledged
SELECT count(*) FROM notify.acknowledgement

-- name: acknowledge
SELECT * FROM notify.acknowledge($1, $2, $2, 'command line', $3)

-- name: undecided
SELECT count(*) FROM {schema}.outbox b WHERE NOT EXISTS (SELECT FROM notify.notice n WHERE n.event_id = b.event_id)

-- name: due
SELECT count(*) FROM notify.delivery WHERE state = 'pending' AND due_at <= now()

-- How far notify is, for the terminal and the demonstration. Read as the role graftwatch_reader.

-- name: notices
SELECT count(*) AS notices, count(*) FILTER (WHERE deliveries = 0) AS silent FROM notify.notice

-- name: deliveries
SELECT channel, state, count(*) AS deliveries FROM notify.delivery GROUP BY channel, state ORDER BY channel, state

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

-- FHIR Subscriptions and the records of deliveries. Read and written as the role graftwatch_notify.

-- name: create
INSERT INTO notify.subscription (
    subscription_id, owner, fhir_version, topic, filters, address, headers, content, heartbeat_seconds, timeout_seconds,
    max_count, ends_at, says
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- name: update
-- What is asked for instead; patience with the handshake begins anew, events count on.
UPDATE notify.subscription
SET topic = $2, filters = $3, address = $4, headers = $5, content = $6, heartbeat_seconds = $7, timeout_seconds = $8,
    max_count = $9, ends_at = $10, says = $11, status = 'requested', error = NULL, handshakes = 0, asked_at = now(),
    next_handshake_at = now()
WHERE subscription_id = $1 AND status <> 'off'

-- name: subscriptions_of
SELECT * FROM notify.subscription
WHERE owner = $1 AND fhir_version = $2 AND status <> 'off' AND ($3::uuid IS NULL OR subscription_id = $3)
ORDER BY created_at, subscription_id

-- name: count_of
SELECT count(*) FROM notify.subscription WHERE owner = $1 AND status <> 'off'

-- name: live
SELECT * FROM notify.subscription WHERE status <> 'off' ORDER BY subscription_id

-- name: switch_off
-- Deleted, ended, or given up as it was asked for then.
UPDATE notify.subscription SET status = 'off', error = $2, next_handshake_at = NULL
WHERE subscription_id = $1 AND status <> 'off' AND ($3::timestamptz IS NULL OR asked_at = $3) RETURNING true

-- name: stop_waiting
-- What waits for a subscription that is off is not sent any more.
UPDATE notify.delivery SET state = 'stopped', says = $2 WHERE endpoint = 'fhir:' || $1::uuid AND state = 'pending'

-- name: count_events
-- The number of the last of so many more events; counts on in error, never once off.
UPDATE notify.subscription SET events = events + $2
WHERE subscription_id = $1 AND status <> 'off' AND (ends_at IS NULL OR ends_at > now()) RETURNING events

-- name: existing
SELECT delivery_id FROM notify.delivery WHERE delivery_id = ANY($1::uuid[])

-- name: handshake_due
-- None is put off for two hours: but by a clock that has been set back since.
SELECT * FROM notify.subscription
WHERE status <> 'off' AND (next_handshake_at <= now() OR next_handshake_at > now() + interval '2 hours')
ORDER BY subscription_id

-- name: heartbeat_due
SELECT * FROM notify.subscription
WHERE status <> 'off' AND next_handshake_at IS NULL
  AND (coalesce(last_sent_at, created_at) <= now() - make_interval(secs => heartbeat_seconds)
       OR (heartbeat_seconds IS NOT NULL AND last_sent_at > now() + interval '1 minute'))
ORDER BY subscription_id

-- name: ended
SELECT subscription_id FROM notify.subscription WHERE status <> 'off' AND ends_at <= now()

-- name: answered
-- It took what it was sent: active from now on, whatever it was, unless it was updated meanwhile.
UPDATE notify.subscription SET status = 'active', error = NULL, next_handshake_at = NULL, last_sent_at = now()
WHERE subscription_id = $1 AND status <> 'off' AND asked_at = $2

-- name: failed
UPDATE notify.subscription
SET status = 'error', error = $2, handshakes = handshakes + ($3::timestamptz IS NOT NULL)::integer,
    next_handshake_at = $3, last_sent_at = now()
WHERE subscription_id = $1 AND status <> 'off' AND asked_at = $4

-- name: events
-- Events of a subscription by number, with their records.
SELECT d.event_number, d.delivery_id, d.recipient, d.channel, d.state, d.says, d.decided_at, d.delivered_at, d.corrects,
    n.kind, n.urgency, n.patient, n.study, n.site, n.event ->> 'sentence' AS sentence, n.created_at
FROM notify.delivery d JOIN notify.notice n ON n.event_id = d.event_id
WHERE d.endpoint = 'fhir:' || $1::uuid AND d.event_number BETWEEN $2 AND $3
ORDER BY d.event_number LIMIT $4

-- name: records
-- Deliveries as records, of one recipient or all, one id or all, the newest first.
SELECT d.delivery_id, d.recipient, d.channel, d.state, d.says, d.decided_at, d.delivered_at, d.corrects,
    n.kind, n.urgency, n.patient, n.study, n.site, n.event ->> 'sentence' AS sentence, n.created_at
FROM notify.delivery d JOIN notify.notice n ON n.event_id = d.event_id
WHERE ($1::text IS NULL OR d.recipient = $1) AND ($2::uuid IS NULL OR d.delivery_id = $2)
  AND ($3::timestamptz IS NULL OR d.decided_at >= $3)
ORDER BY d.sequence DESC LIMIT $4

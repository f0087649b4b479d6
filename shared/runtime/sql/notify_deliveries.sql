-- The queue of deliveries: what is due at an endpoint, each attempt, and what became of it. As the role graftwatch_notify.

-- name: try_send_lock
-- One process sends; its lock ends with its connection.
SELECT pg_try_advisory_lock(hashtext('graftwatch-notify-send'))

-- name: interrupt
-- Attempts that a process left behind: whether they arrived nobody knows, so they are repeated under the same id.
UPDATE notify.attempt SET outcome = 'interrupted', ended_at = clock_timestamp(), says = 'the process ended meanwhile'
WHERE outcome IS NULL

-- name: due_endpoints
SELECT endpoint FROM notify.delivery WHERE state = 'pending' AND due_at <= now() GROUP BY endpoint ORDER BY endpoint

-- name: unbound_digest
-- What is due to be sent as a digest and is not part of a message yet.
SELECT delivery_id, recipient FROM notify.delivery
WHERE endpoint = $1 AND mode = 'digest' AND state = 'pending' AND due_at <= now() AND message_id IS NULL
ORDER BY recipient, sequence FOR UPDATE

-- name: bind_digest
UPDATE notify.delivery d SET message_id = b.message_id
FROM unnest($1::uuid[], $2::uuid[]) AS b (delivery_id, message_id)
WHERE d.delivery_id = b.delivery_id AND d.message_id IS NULL

-- name: claim
-- The next messages of an endpoint that are due, the longest waiting first, but none of a patient of whom one is under way;
-- of a digest all of it. Each is an attempt from now on.
WITH due AS (
    SELECT d.delivery_id, d.message_id, d.mode
    FROM notify.delivery d JOIN notify.notice n ON n.event_id = d.event_id
    WHERE d.endpoint = $1 AND d.state = 'pending' AND d.due_at <= now() AND NOT d.delivery_id = ANY($2::uuid[])
      AND NOT n.patient = ANY($3::uuid[]) AND (d.mode = 'at-once' OR d.message_id IS NOT NULL)
    ORDER BY d.due_at, d.sequence LIMIT $4 FOR UPDATE OF d
),
chosen AS (
    SELECT delivery_id FROM due
    UNION
    SELECT d.delivery_id FROM due JOIN notify.delivery d ON d.message_id = due.message_id AND d.mode = 'digest'
    WHERE due.mode = 'digest' AND NOT d.delivery_id = ANY($2::uuid[])
),
claimed AS (
    UPDATE notify.delivery d
    SET attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, now()),
        message_id = coalesce(d.message_id, d.delivery_id)
    FROM chosen WHERE d.delivery_id = chosen.delivery_id AND d.state = 'pending'
    RETURNING d.*
),
noted AS (
    INSERT INTO notify.attempt (delivery_id, attempt, message_id)
    SELECT delivery_id, attempts, message_id FROM claimed
)
SELECT c.delivery_id, c.message_id, c.attempts, now() AS claimed_at, c.recipient, c.channel, c.mode, c.reason, c.decided_at, c.event_number,
    n.event_id, n.source, n.outcome_id, n.patient, n.site, n.kind, n.event, n.created_at, n.follows, n.traceparent,
    c.corrects, e.created_at AS corrected_at, e.event ->> 'sentence' AS corrected_sentence
FROM claimed c
JOIN notify.notice n ON n.event_id = c.event_id
LEFT JOIN notify.delivery k ON k.delivery_id = c.corrects
LEFT JOIN notify.notice e ON e.event_id = k.event_id
ORDER BY n.sequence, c.sequence

-- name: settle
WITH done AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
        AS r (delivery_id, attempt, outcome, says, state, due_at)
),
ended AS (
    UPDATE notify.attempt a SET ended_at = clock_timestamp(), outcome = r.outcome, says = r.says
    FROM done r WHERE a.delivery_id = r.delivery_id AND a.attempt = r.attempt
)
UPDATE notify.delivery d -- what was stopped meanwhile stays so, unless it arrived all the same
SET state = CASE WHEN r.state = 'pending' THEN d.state ELSE r.state END, due_at = coalesce(r.due_at, d.due_at), says = r.says,
    delivered_at = CASE WHEN r.state = 'delivered' THEN clock_timestamp() END
FROM done r WHERE d.delivery_id = r.delivery_id

-- name: set_aside
-- What this release cannot read waits, in no message: what else a digest holds goes out without it.
WITH unreadable AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::timestamptz[]) AS u (delivery_id, attempt, says, due_at)
),
ended AS (
    UPDATE notify.attempt a SET ended_at = clock_timestamp(), outcome = 'failed', says = u.says
    FROM unreadable u WHERE a.delivery_id = u.delivery_id AND a.attempt = u.attempt
)
UPDATE notify.delivery d SET due_at = u.due_at, says = u.says, message_id = NULL
FROM unreadable u WHERE d.delivery_id = u.delivery_id AND d.state = 'pending'

-- name: look_again
-- What was set aside so, and is in no message, is due.
UPDATE notify.delivery SET due_at = now()
WHERE state = 'pending' AND attempts > 0 AND message_id IS NULL AND due_at > now()

-- name: release
-- An endpoint is back: what waited for its next attempt is due.
UPDATE notify.delivery SET due_at = now() WHERE endpoint = $1 AND state = 'pending' AND attempts > 0 AND due_at > now()

-- name: follow_clock
-- What was decided by a clock that has been set back since (a replica was promoted whose clock is right, say) is as if it were
-- decided now, and what such a clock put off for longer than any retry waits ($1) is due: nobody waits until that time has come.
WITH deliveries AS (
    UPDATE notify.delivery
    SET due_at = CASE WHEN attempts > 0 THEN now() ELSE now() + (due_at - decided_at) END, decided_at = least(decided_at, now())
    WHERE state = 'pending' AND (decided_at > now() + interval '1 minute' OR (attempts > 0 AND due_at > now() + $1::interval))
    RETURNING delivery_id
),
escalations AS (
    UPDATE notify.escalation SET due_at = now() + (due_at - decided_at), decided_at = now()
    WHERE state = 'pending' AND decided_at > now() + interval '1 minute'
    RETURNING escalation_id
)
SELECT (SELECT count(*) FROM deliveries) AS deliveries, (SELECT count(*) FROM escalations) AS escalations

-- name: give_up
-- What an endpoint that is down has not taken for long enough.
UPDATE notify.delivery SET state = 'given-up', says = $3
WHERE endpoint = $1 AND state = 'pending' AND attempts > 0 AND decided_at < now() - $2::interval

-- name: waiting
-- What was tried in vain is late since its first attempt, whenever the next one is due.
SELECT channel, count(*) AS deliveries, count(*) FILTER (WHERE due_at <= now()) AS due,
    coalesce(extract(epoch FROM now() - min(CASE WHEN attempts > 0 THEN first_attempt_at WHEN due_at <= now() THEN due_at END)),
        0)::float AS oldest_due_seconds
FROM notify.delivery WHERE state = 'pending' GROUP BY channel ORDER BY channel

-- name: claim_in_order
-- Of a FHIR Subscription: the next events by number, none before the first that waits is due, none before the handshake.
WITH next AS (
    SELECT d.delivery_id, d.due_at, d.event_number
    FROM notify.delivery d
    JOIN notify.subscription s ON 'fhir:' || s.subscription_id = d.endpoint
    WHERE d.endpoint = $1 AND d.state = 'pending' AND s.status <> 'off' AND s.next_handshake_at IS NULL
    ORDER BY d.event_number LIMIT $2 FOR UPDATE OF d
),
claimed AS (
    UPDATE notify.delivery d
    SET attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, now()), message_id = d.delivery_id
    WHERE d.delivery_id IN (SELECT delivery_id FROM next)
      AND (SELECT due_at FROM next ORDER BY event_number LIMIT 1) <= now()
    RETURNING d.*
),
noted AS (
    INSERT INTO notify.attempt (delivery_id, attempt, message_id)
    SELECT delivery_id, attempts, message_id FROM claimed
)
SELECT c.delivery_id, c.message_id, c.attempts, now() AS claimed_at, c.recipient, c.channel, c.mode, c.reason, c.decided_at, c.event_number,
    n.event_id, n.source, n.outcome_id, n.patient, n.site, n.kind, n.event, n.created_at, n.follows, n.traceparent,
    c.corrects, e.created_at AS corrected_at, e.event ->> 'sentence' AS corrected_sentence
FROM claimed c
JOIN notify.notice n ON n.event_id = c.event_id
LEFT JOIN notify.delivery k ON k.delivery_id = c.corrects
LEFT JOIN notify.notice e ON e.event_id = k.event_id
ORDER BY c.event_number

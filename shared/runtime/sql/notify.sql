-- What notify reads of the outboxes and writes in its own schema. Read and written as the role graftwatch_notify.

-- name: lock_patients
-- One decider at a time for each patient; in key order, so that two never wait for each other in a circle. The time is that
-- of the lock, so that who waited for it is later than who held it.
SELECT clock_timestamp() AS at, count(pg_advisory_xact_lock(hashtextextended('graftwatch-notify-' || patient, 0)))
FROM (SELECT DISTINCT unnest($1::uuid[]) AS patient ORDER BY 1) AS p

-- name: undecided_patients
-- Patients with an event in an outbox for which it is not decided who is told: an anti-join, as ids commit out of order.
SELECT DISTINCT b.patient
FROM {schema}.outbox b
WHERE b.created_at >= now() - $1::interval
  AND (b.created_at < now() - $2::interval OR b.created_at > now() + interval '1 minute') -- by a clock that was set back since
  AND NOT EXISTS (SELECT FROM notify.notice n WHERE n.event_id = b.event_id)
  AND NOT b.patient = ANY($3::uuid[])
LIMIT $4

-- name: undecided_events
SELECT b.event_id, b.outcome_id, b.patient, b.event, b.created_at, b.sequence, b.traceparent, coalesce(p.site, '') AS site,
    coalesce(o.kind, '') AS kind, coalesce(o.subject, b.event_id::text) AS subject, '{schema}' AS source
FROM {schema}.outbox b
LEFT JOIN {schema}.outcome o ON o.outcome_id = b.outcome_id
LEFT JOIN timeline.patient p ON p.patient = b.patient
WHERE b.patient = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM notify.notice n WHERE n.event_id = b.event_id)

-- name: told_before
-- What was told about the outcomes that these events' outcomes superseded, the last first; corrected where the earlier one
-- rested on a fact that has ended since, or where the outcome is withdrawn. Of patients that are merged into this one too: what
-- was told of them goes on here. What came first is said by the outbox's numbers: a clock may have been set back in between.
SELECT e.event_id, b.event_id AS earlier, d.delivery_id, d.recipient, d.channel, d.reason, d.state, d.attempts,
    CASE WHEN d.state = 'pending' AND d.attempts = 0 AND d.due_at > now() THEN d.due_at END AS held_until, d.mode,
    o.withdrawn OR EXISTS (
        SELECT FROM jsonb_array_elements(p.evidence) AS v
        JOIN timeline.known_fact f ON f.patient = o.patient AND f.fact_id = (v ->> 'fact_id')::uuid
        WHERE f.ended_in <= o.timeline_version AND NOT EXISTS (
            SELECT FROM timeline.known_fact g
            WHERE g.patient = f.patient AND g.fact_id = f.fact_id AND g.added_in <= o.timeline_version
              AND (g.ended_in IS NULL OR g.ended_in > o.timeline_version)
        )
    ) AS corrected
FROM {schema}.outbox e
JOIN {schema}.outcome o ON o.outcome_id = e.outcome_id
CROSS JOIN LATERAL (
    SELECT o.patient UNION SELECT m.patient FROM timeline.merge m WHERE m.survivor = o.patient AND m.unmerged_in IS NULL
) AS of
CROSS JOIN LATERAL (
    -- OFFSET keeps it a look-up by patient: a plan made while the tables were empty would else join every outcome of the kind.
    SELECT p.outcome_id, p.evidence, p.recorded_at FROM {schema}.outcome p
    WHERE p.patient = of.patient AND p.protocol = o.protocol AND p.kind = o.kind AND p.subject = o.subject
        AND (p.ordinal < o.ordinal OR p.patient <> o.patient)
    OFFSET 0
) AS p
JOIN {schema}.outbox b ON b.outcome_id = p.outcome_id
    AND (of.patient = o.patient OR b.sequence < e.sequence OR p.recorded_at = o.recorded_at)
LEFT JOIN notify.delivery d ON d.event_id = b.event_id AND d.channel <> 'fhir' AND d.state <> 'superseded'
WHERE e.event_id = ANY($1::uuid[])
ORDER BY e.event_id, b.sequence DESC, d.delivery_id

-- name: told_of_patient
-- Who was told anything of a patient that is merged or unmerged, in this study: they are told that too.
SELECT e.event_id, n.event_id AS earlier, d.delivery_id, d.recipient, d.channel, d.reason, d.state, d.attempts,
    CASE WHEN d.state = 'pending' AND d.attempts = 0 AND d.due_at > now() THEN d.due_at END AS held_until, d.mode,
    false AS corrected
FROM {schema}.outbox e
JOIN notify.notice n ON n.patient = e.patient AND n.study = e.event ->> 'protocol'
JOIN notify.delivery d ON d.event_id = n.event_id AND d.channel <> 'fhir' AND d.state <> 'superseded'
WHERE e.event_id = ANY($1::uuid[])
ORDER BY e.event_id, n.sequence DESC, d.delivery_id

-- name: supersede
-- What waits and was never sent is not sent any more, as what it says has been corrected; the ids of those.
UPDATE notify.delivery SET state = 'superseded'
WHERE delivery_id = ANY($1::uuid[]) AND state = 'pending' AND attempts = 0 RETURNING delivery_id

-- name: bring_forward
-- What still waits and was never sent goes out sooner, in this way; nothing later than it would.
UPDATE notify.delivery d SET mode = s.mode, due_at = s.due_at, reason = coalesce(s.reason, d.reason)
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) AS s (delivery_id, mode, due_at, reason)
WHERE d.delivery_id = s.delivery_id AND d.state = 'pending' AND d.attempts = 0 AND d.due_at > now() AND d.message_id IS NULL
  AND s.due_at <= d.due_at

-- name: end_escalations
UPDATE notify.escalation SET state = 'corrected', settled_at = $2 WHERE event_id = ANY($1::uuid[]) AND state = 'pending'

-- name: add_notices
INSERT INTO notify.notice (
    event_id, source, outcome_id, patient, site, study, kind, urgency, event, follows, corrects, created_at, decided_at,
    deliveries, rules_hash, traceparent
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[],
    $10::uuid[], $11::uuid[], $12::timestamptz[], $13::timestamptz[], $14::integer[], $15::text[], $16::text[]
)

-- name: add_deliveries
INSERT INTO notify.delivery (
    delivery_id, event_id, recipient, channel, endpoint, reason, mode, corrects, event_number, decided_at, due_at
)
SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::bigint[],
    $10::timestamptz[], $11::timestamptz[]
)
ON CONFLICT (delivery_id) DO NOTHING

-- name: add_escalations
INSERT INTO notify.escalation (escalation_id, event_id, rule, step, recipients, channels, due_at)
SELECT escalation_id, event_id, rule, step, string_to_array(recipients, ','), string_to_array(channels, ','), due_at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::timestamptz[])
    AS e (escalation_id, event_id, rule, step, recipients, channels, due_at)
ON CONFLICT (escalation_id) DO NOTHING

-- name: due_patients
-- Patients of whom it is time to tell further people, and who is one person with them: all whom escalating may concern.
-- Those that are left alone are left out here: however many, they take nobody's place.
WITH due AS (
    SELECT DISTINCT first.patient FROM (
        SELECT t.patient FROM notify.escalation e JOIN notify.notice t ON t.event_id = e.event_id
        WHERE e.state = 'pending' AND e.due_at <= now() AND t.patient <> ALL($2::uuid[])
        ORDER BY e.due_at, e.escalation_id LIMIT $1
    ) AS first
)
SELECT patient FROM due
UNION SELECT m.survivor FROM due JOIN timeline.merge m ON m.patient = due.patient WHERE m.unmerged_in IS NULL
UNION SELECT m.patient FROM due JOIN timeline.merge m ON m.survivor = due.patient WHERE m.unmerged_in IS NULL

-- name: due_escalations
-- Of these patients: whose time has come, and whether somebody acknowledged the event, or one that tells what became of it.
SELECT e.escalation_id, e.event_id, e.event_id AS later, e.rule, e.step, e.recipients, e.channels, e.due_at, t.source, t.kind,
    EXISTS (
        SELECT FROM notify.acknowledgement a JOIN notify.notice n ON n.event_id = a.event_id
        WHERE n.event_id = e.event_id OR n.follows = e.event_id
    ) AS acknowledged
FROM notify.escalation e JOIN notify.notice t ON t.event_id = e.event_id
WHERE e.state = 'pending' AND e.due_at <= $1 AND t.patient = ANY($2::uuid[])
ORDER BY e.due_at, e.escalation_id LIMIT $3 FOR UPDATE OF e SKIP LOCKED

-- name: oldest_due_escalation
SELECT coalesce(extract(epoch FROM now() - min(due_at)), 0)::float FROM notify.escalation WHERE state = 'pending' AND due_at <= now()

-- name: told_since
-- These events, and what was decided since about the same, in order, with who is told: of whoever this patient was merged
-- into as well, and that it was merged or is itself again (`told_before` looks the other way). No time is before that of what
-- came first by the outbox's numbers.
SELECT e.event_id, n.event_id AS later, n.source, n.kind, d.recipient, d.channel,
    coalesce(d.state = 'pending' AND d.attempts = 0 AND d.due_at > now() AND d.message_id IS NULL, false) AS is_held,
    coalesce(d.state IN ('pending', 'delivered'), false) AS is_sent
FROM {schema}.outbox e
JOIN {schema}.outcome o ON o.outcome_id = e.outcome_id
JOIN notify.notice f ON f.event_id = e.event_id
CROSS JOIN LATERAL (
    SELECT f.event_id, '-infinity'::timestamptz AS at
    UNION ALL
    SELECT b.event_id, max(p.recorded_at) OVER (ORDER BY b.sequence)
    FROM (
        SELECT o.patient
        UNION SELECT m.survivor FROM timeline.merge m WHERE m.patient = o.patient AND m.unmerged_in IS NULL
    ) AS of
    CROSS JOIN LATERAL (
        -- OFFSET keeps it a look-up by patient, as in `told_before`.
        SELECT p.outcome_id, p.recorded_at FROM {schema}.outcome p
        WHERE p.patient = of.patient AND p.protocol = o.protocol AND p.kind = o.kind AND p.subject = o.subject
            AND (p.ordinal > o.ordinal OR p.patient <> o.patient)
        OFFSET 0
    ) AS p
    JOIN {schema}.outbox b ON b.outcome_id = p.outcome_id
        AND (of.patient = o.patient OR b.sequence > e.sequence OR p.recorded_at = o.recorded_at)
    UNION ALL
    SELECT m.event_id, m.created_at FROM notify.notice m
    WHERE m.patient = o.patient AND m.study = o.protocol AND m.kind = ANY($2::text[]) AND m.sequence > f.sequence
) AS l
JOIN notify.notice n ON n.event_id = l.event_id
LEFT JOIN notify.delivery d ON d.event_id = n.event_id AND d.channel <> 'fhir' AND d.state <> 'superseded'
WHERE e.event_id = ANY($1::uuid[])
ORDER BY e.event_id, l.at, n.sequence, d.delivery_id

-- name: settle_escalations
UPDATE notify.escalation e SET state = s.state, settled_at = $3
FROM unnest($1::uuid[], $2::text[]) AS s (escalation_id, state) WHERE e.escalation_id = s.escalation_id

-- name: oldest_undecided_seconds
-- How long the event that waits longest for a decision has waited: of those committed within so long, and of these patients'.
SELECT coalesce(extract(epoch FROM now() - min(b.created_at)), 0)::float
FROM {schema}.outbox b
WHERE (b.created_at >= now() - $1::interval OR b.patient = ANY($2::uuid[]))
  AND NOT EXISTS (SELECT FROM notify.notice n WHERE n.event_id = b.event_id)

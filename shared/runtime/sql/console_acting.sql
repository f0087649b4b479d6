-- What people state, answer and note. Read and written as the role graftwatch_console.

-- name: subjects
-- What can be spoken of about a patient: the current outcomes of safety.
SELECT kind, subject, outcome_id, content FROM console.current_safety
WHERE patient = $1 AND protocol = $2 AND kind IN ('adverse-event', 'rejection') AND NOT withdrawn
ORDER BY kind, subject

-- name: screening
SELECT outcome_id, status, says, verdicts, missing FROM console.screening WHERE protocol = $1 AND patient = $2

-- name: current_outcome
-- The outcome as it is now: was it this one that was on the screen?
SELECT outcome_id, content FROM console.outcome
WHERE patient = $1 AND protocol = $2 AND kind = $3 AND subject = $4 ORDER BY ordinal DESC LIMIT 1

-- name: statements
-- What was stated here about a patient, the newest first.
SELECT a.act, a.kind, a.subject, a.step, a.code, a.value, a.reason, a.by_person, a.by_name, a.acted_at,
    a.published_at IS NULL OR w.act IS NOT NULL AND w.published_at IS NULL AS on_its_way,
    w.by_name AS withdrawn_by, w.acted_at AS withdrawn_at, w.reason AS withdrawn_because
FROM console.act a LEFT JOIN console.act w ON w.withdraws = a.act
WHERE a.patient = $1 AND a.protocol = $2 AND a.withdraws IS NULL ORDER BY a.acted_at DESC, a.act

-- name: steps
SELECT kind, subject, max(step) AS step FROM console.act WHERE patient = $1 AND protocol = $2 GROUP BY kind, subject

-- name: last_statement
SELECT by_name, code, value, acted_at, withdraws IS NOT NULL AS is_withdrawal FROM console.act
WHERE patient = $1 AND protocol = $2 AND kind = $3 AND subject = $4 ORDER BY step DESC LIMIT 1

-- name: state
-- Of two people who state something about the same state of the same thing, the second gets no row back.
INSERT INTO console.act (
    act, patient, protocol, kind, subject, step, seen_outcome, code, value, reason, by_person, by_name, site, topic, key, record
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (patient, protocol, kind, subject, step) DO NOTHING RETURNING act

-- name: own_statement
-- A statement of this patient, as it was sent; a withdrawal is none.
SELECT by_person, code, value, record FROM console.act
WHERE act = $1 AND patient = $2 AND protocol = $3 AND withdraws IS NULL

-- name: withdraw
-- The same record once more, entered in error; a second withdrawal gets no row back.
INSERT INTO console.act (
    act, withdraws, patient, protocol, kind, subject, step, seen_outcome, code, value, reason, by_person, by_name, site,
    topic, key, record
)
SELECT $1, s.act, s.patient, s.protocol, s.kind, s.subject,
    (SELECT max(step) + 1 FROM console.act o
     WHERE (o.patient, o.protocol, o.kind, o.subject) = (s.patient, s.protocol, s.kind, s.subject)),
    NULL, s.code, s.value, $3, $4, $5, s.site, s.topic, s.key, $6
FROM console.act s WHERE s.act = $2
ON CONFLICT DO NOTHING RETURNING act

-- name: unpublished
-- One publisher at a time takes some, in their order.
SELECT act, site, topic, key, record FROM console.act WHERE published_at IS NULL
ORDER BY acted_at, act LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: published
UPDATE console.act SET published_at = now() WHERE act = ANY($1::uuid[])

-- name: acknowledge
SELECT console.acknowledge($1, $2, $3, $4, $5, $6)

-- name: acknowledged_by
SELECT by_name, acknowledged_at FROM console.acknowledgement a
JOIN console.event e USING (event_id)
WHERE e.patient = $1 AND e.type = $2 ORDER BY e.created_at DESC LIMIT 1

-- name: assignment
SELECT step, to_person, to_name, by_name, assigned_at FROM console.assignment
WHERE patient = $1 AND protocol = $2 ORDER BY step DESC LIMIT 1

-- name: assign
INSERT INTO console.assignment (patient, protocol, step, to_person, to_name, by_person, by_name)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING step

-- name: comment
INSERT INTO console.comment (comment, patient, protocol, subject, says, by_person, by_name)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: comments
SELECT comment, subject, says, by_name, said_at FROM console.comment
WHERE patient = $1 AND protocol = $2 ORDER BY said_at DESC, comment

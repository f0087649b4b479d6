-- What needs somebody today. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: unacknowledged
-- The newest open event of each patient and type, and how many earlier ones it stands for.
WITH open AS (
    SELECT e.event_id, e.patient, e.type, e.created_at, e.event, p.site,
        row_number() OVER newest AS place, count(*) OVER (PARTITION BY e.patient, e.type) AS events
    FROM console.event e
    JOIN console.patient p ON p.patient = e.patient
    WHERE e.type = ANY($3::text[]) AND p.site = ANY($2::text[]) AND e.event->>'protocol' = $1
      AND (e.type <> 'graftwatch.toxicity-graded.v1' OR (e.event->>'grade')::integer >= $4)
      AND (e.type <> 'graftwatch.screening-status-changed.v1'
        OR e.event->>'status' = 'eligible' OR e.event->>'before' = 'eligible')
      AND NOT EXISTS (SELECT FROM console.acknowledgement a WHERE a.event_id = e.event_id)
    WINDOW newest AS (PARTITION BY e.patient, e.type ORDER BY e.created_at DESC, e.sequence DESC)
)
SELECT o.event_id, o.patient, o.site, o.type, o.created_at, o.events, o.event->>'sentence' AS sentence, u.urgency,
    count(*) OVER () AS total
FROM open o JOIN unnest($3::text[], $5::integer[]) AS u (type, urgency) ON u.type = o.type
WHERE o.place = 1 ORDER BY u.urgency, o.created_at DESC, o.event_id LIMIT $6

-- name: clocks
-- Reports of serious adverse events that are due or overdue.
SELECT c.patient, p.site, c.subject, c.content, c.outcome_id, count(*) OVER () AS total
FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'clock' AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND c.content->>'state' IN ('due', 'due-soon', 'overdue')
ORDER BY c.content->>'due_at', c.patient, c.subject LIMIT $3

-- name: newly_eligible
-- Eligible patients whom nobody has enrolled yet.
SELECT s.patient, s.site, s.says, s.status_since, s.open_dead_letters, count(*) OVER () AS total FROM console.screening s
WHERE s.protocol = $1 AND s.site = ANY($2::text[]) AND s.status = 'eligible' AND NOT EXISTS (
    SELECT FROM console.fact f WHERE f.patient = s.patient AND f.kind = 'attestation' AND f.ended_in IS NULL
      AND f.fact->>'code' = 'enrolled' AND (f.fact->>'value')::boolean
)
ORDER BY s.status_since DESC, s.patient LIMIT $3

-- name: one_test_away
-- Patients of whom one undecided criterion is all that stands between them and being eligible.
SELECT patient, site, says, missing, status_since, open_dead_letters, count(*) OVER () AS total FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = 'potentially_eligible' AND undecided = 1
ORDER BY cardinality(missing), status_since DESC, patient LIMIT $3

-- name: assigned
-- Who looks after these patients, where anybody does.
SELECT DISTINCT ON (patient) patient, to_person, to_name FROM console.assignment
WHERE protocol = $1 AND patient = ANY($2::uuid[]) ORDER BY patient, step DESC

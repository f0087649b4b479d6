-- The safety list. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: rejections
-- Every episode that is being watched, suspected or proven; the gravest and newest first.
SELECT c.patient, p.site, p.open_dead_letters, c.kind, c.subject, c.outcome_id, c.content, c.recorded_at, count(*) OVER () AS total
FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'rejection' AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND c.content->>'level' = ANY($3::text[])
ORDER BY array_position($3::text[], c.content->>'level'), c.content->>'onset_on' DESC NULLS LAST, c.patient
LIMIT $4 OFFSET $5

-- name: cases
-- Every case; open ones first, the soonest report first.
SELECT c.patient, p.site, p.open_dead_letters, c.kind, c.subject, c.outcome_id, c.content, c.recorded_at, count(*) OVER () AS total
FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'adverse-event' AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND ($3::text IS NULL OR c.content->>'status' = $3)
ORDER BY c.content->>'closed', c.content->>'due_investigator_at' NULLS LAST, c.patient, c.subject
LIMIT $4 OFFSET $5

-- name: clocks_of
SELECT patient, subject, content FROM console.current_safety
WHERE protocol = $1 AND kind = 'clock' AND NOT withdrawn AND patient = ANY($2::uuid[]) ORDER BY content->>'due_at', subject

-- name: levels
SELECT c.content->>'level' AS level, count(*) AS patients
FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'rejection' AND NOT c.withdrawn AND p.site = ANY($2::text[]) GROUP BY 1

-- name: gaps
-- Treated patients of whom no liver test has come for longer than the protocol allows.
SELECT c.patient, p.site, p.open_dead_letters, c.content, count(*) OVER () AS total
FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'surveillance' AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND (c.content->>'is_gap')::boolean
ORDER BY c.content->>'last_on' NULLS FIRST, c.patient LIMIT $3

-- name: steps_of
SELECT patient, kind, subject, max(step) AS step FROM console.act
WHERE protocol = $1 AND patient = ANY($2::uuid[]) GROUP BY patient, kind, subject

-- The safety list. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: rejections
-- Every episode that is being watched, suspected or proven; the gravest and newest first. One page after ($5 to $8): the
-- place of the level, the onset (empty: none), patient and subject of the last one shown; null: from the first.
SELECT patient, site, open_dead_letters, kind, subject, outcome_id, content, recorded_at, place, onset
FROM (
    SELECT c.patient, p.site, p.open_dead_letters, c.kind, c.subject, c.outcome_id, c.content, c.recorded_at,
        array_position($3::text[], c.content->>'level') AS place,
        coalesce(c.content->>'onset_on', '') COLLATE "C" AS onset
    FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
    WHERE c.protocol = $1 AND c.kind = 'rejection' AND NOT c.withdrawn AND p.site = ANY($2::text[])
      AND c.content->>'level' = ANY($3::text[])
) AS episode
WHERE $5::integer IS NULL
   OR place > $5
   OR place = $5 AND (onset < $6::text OR onset = $6::text AND (patient, subject) > ($7::uuid, $8::text))
ORDER BY place, onset DESC, patient, subject
LIMIT $4

-- name: cases
-- Every case; open ones first, the soonest report first. One page after ($5 to $8): whether it is closed, when the report
-- is due (~: never), patient and subject of the last one shown; null: from the first.
SELECT patient, site, open_dead_letters, kind, subject, outcome_id, content, recorded_at, is_closed, due
FROM (
    SELECT c.patient, p.site, p.open_dead_letters, c.kind, c.subject, c.outcome_id, c.content, c.recorded_at,
        coalesce((c.content->>'closed')::boolean, false) AS is_closed,
        coalesce(c.content->>'due_investigator_at', '~') COLLATE "C" AS due
    FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
    WHERE c.protocol = $1 AND c.kind = 'adverse-event' AND NOT c.withdrawn AND p.site = ANY($2::text[])
      AND ($3::text IS NULL OR c.content->>'status' = $3)
) AS found
WHERE $5::boolean IS NULL OR (is_closed, due, patient, subject) > ($5, $6::text COLLATE "C", $7::uuid, $8::text)
ORDER BY is_closed, due, patient, subject
LIMIT $4

-- name: case_count
SELECT count(*) FROM console.current_safety c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND c.kind = 'adverse-event' AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND ($3::text IS NULL OR c.content->>'status' = $3)

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

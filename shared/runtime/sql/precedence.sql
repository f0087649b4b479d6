-- Which of two releases decides while both are at work. Read and written by the deciding services and ingest.

-- name: enter
-- A worker has started. Where others of the same basis have worked within two minutes, it has been at work since they were. Nobody
-- has worked at a time to come: that was said by a clock that has been set back since.
INSERT INTO operation.release_at_work AS r (service, subject, basis)
SELECT $1, q.subject, q.basis FROM unnest($2::text[], $3::text[]) AS q (subject, basis) ORDER BY 2, 3
ON CONFLICT (service, subject, basis) DO UPDATE SET since = now(), worked_at = NULL
WHERE r.worked_at IS NULL OR r.worked_at NOT BETWEEN now() - interval '2 minutes' AND now() + interval '1 minute'

-- name: overtaken
-- What a release that began later, and has worked within two minutes, decides instead of these.
SELECT DISTINCT own.subject
FROM unnest($2::text[], $3::text[]) AS q (subject, basis)
JOIN operation.release_at_work own ON own.service = $1 AND own.subject = q.subject AND own.basis = q.basis
JOIN operation.release_at_work later ON later.service = $1 AND later.subject = own.subject AND later.basis <> own.basis
WHERE later.worked_at BETWEEN now() - interval '2 minutes' AND now() + interval '1 minute' AND (later.since, later.basis) > (own.since, own.basis)

-- name: worked
-- Work was done; nobody waits here for another worker who says the same.
UPDATE operation.release_at_work r SET worked_at = now()
FROM (
    SELECT w.service, w.subject, w.basis FROM operation.release_at_work w
    JOIN unnest($2::text[], $3::text[]) AS q (subject, basis) ON q.subject = w.subject AND q.basis = w.basis
    WHERE w.service = $1 ORDER BY w.subject, w.basis FOR UPDATE OF w SKIP LOCKED
) AS mine
WHERE (r.service, r.subject, r.basis) = (mine.service, mine.subject, mine.basis)

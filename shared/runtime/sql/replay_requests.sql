-- Requests to read dead letters again. Read and written as the role graftwatch_ingest.

-- name: claim
-- The oldest request that nobody works on; one whose worker has died is taken over.
UPDATE console.replay_request SET began_at = now()
WHERE request = (
    SELECT request FROM console.replay_request
    WHERE done_at IS NULL AND (began_at IS NULL OR began_at NOT BETWEEN now() - interval '10 minutes' AND now() + interval '1 minute')
    ORDER BY asked_at, request LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING request, site, reason, dead_letter

-- name: finish
UPDATE console.replay_request SET done_at = now(), replayed = $2, unread = $3 WHERE request = $1

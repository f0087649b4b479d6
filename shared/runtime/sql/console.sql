-- Sessions, forms, audit and acts of the console. Read and written as the role graftwatch_console.

-- name: begin_session
INSERT INTO console.session (token_sha256, person, name, claims, form_key, ends_at)
VALUES ($1, $2, $3, $4, $5, now() + $6::interval)

-- name: session
-- A session that has neither ended nor lain idle for too long.
SELECT person, name, claims, form_key, seen_at < now() - interval '1 minute' AS is_stale, now() AS now FROM console.session
WHERE token_sha256 = $1 AND ends_at > now() AND seen_at > now() - $2::interval

-- name: touch_session
UPDATE console.session SET seen_at = now() WHERE token_sha256 = $1

-- name: end_session
DELETE FROM console.session WHERE token_sha256 = $1

-- name: forget_old
WITH sessions AS (DELETE FROM console.session WHERE ends_at < now()),
logins AS (DELETE FROM console.login WHERE began_at < now() - interval '1 hour')
DELETE FROM console.used_form WHERE used_at < now() - interval '2 days'

-- name: begin_login
INSERT INTO console.login (state_sha256, nonce, code_verifier, return_to) VALUES ($1, $2, $3, $4)

-- name: end_login
DELETE FROM console.login WHERE state_sha256 = $1 AND began_at > now() - interval '10 minutes'
RETURNING nonce, code_verifier, return_to

-- name: use_form
INSERT INTO console.used_form (form) VALUES ($1) ON CONFLICT DO NOTHING RETURNING form

-- name: record_audit
SELECT console.record_audit($1, $2, $3, $4, $5)

-- name: audit_entries
-- The chain in its order, a part at a time.
SELECT sequence, recorded_at, person, action, outcome, patient, entry, previous_hash, hash FROM console.audit
WHERE sequence > $1 ORDER BY sequence LIMIT $2

-- name: patient
SELECT patient, site, version, changed_at, open_dead_letters FROM console.patient WHERE patient = $1

-- name: newest_change
-- A number that rises with whatever a page might show: events, acts, acknowledgements, comments.
SELECT (SELECT count(*) FROM console.acknowledgement) + (SELECT count(*) FROM console.act)
    + (SELECT count(*) + count(done_at) FROM console.replay_request) + (SELECT count(*) FROM console.comment) + (SELECT count(*) FROM console.assignment)
    + (SELECT coalesce(sum(newest), 0) FROM (
        SELECT max(sequence) AS newest FROM console.event GROUP BY service
    ) AS of_service) AS number

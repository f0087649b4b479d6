-- Who a patient is: by functions that ingest's role owns and that write the audit. Called as the role graftwatch_console.

-- name: reidentify
SELECT site, patient_id FROM identity.reidentify($1, $2, $3)

-- name: is_of
SELECT EXISTS (SELECT FROM console.fact WHERE patient = $1 AND record = $2)

-- name: original_record
SELECT received_at, content_sha256, raw FROM identity.original_record($1, $2, $3)

-- The protocol and the audit. Read as the role graftwatch_console.

-- name: versions
SELECT hash, version, in_force_since FROM console.protocol WHERE protocol = $1 ORDER BY in_force_since DESC

-- name: audit
-- The newest entries first; of patients only those at the visitor's sites.
SELECT a.sequence, a.recorded_at, a.person, a.action, a.outcome, a.patient, p.site, a.entry
FROM console.audit a LEFT JOIN console.patient p ON p.patient = a.patient
WHERE (a.patient IS NULL OR p.site = ANY($1::text[]))
  AND ($2::text IS NULL OR a.person = $2) AND ($3::text IS NULL OR a.outcome = $3) AND ($4::uuid IS NULL OR a.patient = $4)
  AND ($5::bigint IS NULL OR a.sequence < $5)
ORDER BY a.sequence DESC LIMIT $6

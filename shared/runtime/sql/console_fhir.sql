-- Who is being screened, for FHIR. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: subjects
SELECT patient, status, says FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[]) AND ($4::uuid IS NULL OR patient > $4)
ORDER BY patient LIMIT $5

-- name: subject_total
SELECT count(*) FROM console.screening WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[])

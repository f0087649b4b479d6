-- The screening list. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: page
-- One page after ($8, $9), newest status first: its cost does not grow with how far one has gone.
SELECT patient, site, status, says, verdicts, missing, undecided, open_dead_letters, status_since FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[])
  AND ($4::text IS NULL OR site = $4)
  AND ($5::text IS NULL OR verdicts->>$5 = $6)
  AND ($7::text IS NULL OR $7 = ANY(missing))
  AND ($8::timestamptz IS NULL OR (status_since, patient) < ($8, $9::uuid))
ORDER BY status_since DESC, patient DESC LIMIT $10

-- name: matching
SELECT count(*) FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[])
  AND ($4::text IS NULL OR site = $4)
  AND ($5::text IS NULL OR verdicts->>$5 = $6)
  AND ($7::text IS NULL OR $7 = ANY(missing))

-- name: by_status
SELECT status, count(*) AS patients FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) GROUP BY status

-- name: missing_items
-- What is missing most often among those who are being screened.
SELECT item, count(*) AS patients FROM console.screening, unnest(missing) AS item
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[])
GROUP BY item ORDER BY count(*) DESC, item LIMIT $4

-- name: verdict_rows
-- For attrition: the verdicts of everybody who is being screened, each distinct set once with how many have it.
SELECT verdicts, count(*) AS patients FROM console.screening
WHERE protocol = $1 AND site = ANY($2::text[]) AND status = ANY($3::text[]) GROUP BY verdicts

-- Reading timelines. The caller names the patients and, for each, the version it already holds (-1: none).

-- name: delta
-- What is new of each timeline since the version held: facts added since, and facts ended since.
SELECT f.patient, f.fact, f.recorded_at, f.added_in, f.ended_in
FROM unnest($1::uuid[], $2::bigint[]) AS held (patient, version)
JOIN timeline.fact f USING (patient)
WHERE f.added_in > held.version OR f.ended_in > held.version

-- name: versions
SELECT patient, version FROM timeline.patient WHERE patient = ANY($1::uuid[])

-- name: entries
-- Every fact ever recorded of one patient, ended ones included: to replay the past by version.
SELECT fact, recorded_at, added_in, ended_in FROM timeline.fact WHERE patient = $1

-- name: open_dead_letters
-- Patients of whom something could not be read: every outcome says so. Asked after the versions, never before: a mark that
-- is newer than the version evaluated does no harm, while an older one would stand beside the newest version for ever.
SELECT patient, open_dead_letters FROM timeline.patient WHERE patient = ANY($1::uuid[]) AND open_dead_letters > 0

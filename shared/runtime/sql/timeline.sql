-- Reading timelines. The caller names the patients and, for each, the version it already holds (-1: none).

-- name: news
-- How each patient stands, and what is new since the version held: facts added since, and facts ended since, one row for
-- each (one without a fact where nothing is). Of patients that are, or ever were, merged it gives no facts: `delta_of_merged`.
-- `open_dead_letters`: how many of the patient's own records could not be read.
SELECT p.patient, p.version, p.merged_into, p.has_merges, p.open_dead_letters, p.began_in,
       f.fact, f.recorded_at, f.added_in, f.ended_in
FROM unnest($1::uuid[], $2::bigint[]) AS held (patient, version)
JOIN timeline.patient p USING (patient)
LEFT JOIN timeline.fact f
  ON f.patient = held.patient AND p.merged_into IS NULL AND NOT p.has_merges
 AND (f.added_in > held.version OR f.ended_in > held.version)

-- name: delta_of_merged
-- What is new of patients into whom others are, or ever were, merged: what came and went with them, too.
SELECT f.patient, f.fact, f.recorded_at, f.added_in, f.ended_in
FROM unnest($1::uuid[], $2::bigint[]) AS held (patient, version)
JOIN timeline.known_fact f USING (patient)
WHERE f.added_in > held.version OR f.ended_in > held.version

-- name: versions
SELECT patient, version, merged_into, has_merges FROM timeline.patient WHERE patient = ANY($1::uuid[])

-- name: absorbed
-- Who is merged into these patients now, and since which version.
SELECT survivor, patient, merged_in FROM timeline.merge
WHERE survivor = ANY($1::uuid[]) AND unmerged_in IS NULL ORDER BY patient

-- name: entries
-- Every fact ever recorded of one patient, ended ones included: to replay the past by version.
SELECT of, fact, recorded_at, added_in, ended_in FROM timeline.known_fact WHERE patient = $1

-- name: merges
-- What was merged into this patient, and into what it was merged itself, oldest first.
SELECT patient, survivor, merged_in, unmerged_in, merged_at, unmerged_at FROM timeline.merge
WHERE patient = $1 OR survivor = $1 ORDER BY merged_at, merged_in, patient

-- name: link_issue
SELECT link_issue FROM timeline.patient WHERE patient = $1

-- name: open_dead_letters_of_merged
-- How many records of each patient, and of those merged into it, could not be read. Asked after the versions, never
-- before: a mark that is newer than the version evaluated does no harm, while an older one would stand beside the newest
-- version for ever.
SELECT coalesce(merged_into, patient) AS patient, sum(open_dead_letters)::integer AS open_dead_letters
FROM timeline.patient
WHERE (patient = ANY($1::uuid[]) OR merged_into = ANY($1::uuid[])) AND open_dead_letters > 0
GROUP BY 1

-- Who is merged into whom. All in the transaction of the batch that changes what Patients state of each other.

-- name: linked_patients
-- Everybody who is linked with these, ever was by their own word, or is merged with one of them: all whom a change may concern.
WITH RECURSIVE reached AS (
    SELECT patient FROM unnest($1::uuid[]) AS s (patient)
    UNION
    SELECT other FROM timeline.link WHERE patient = ANY($1::uuid[])
    UNION
    SELECT next.patient FROM reached r CROSS JOIN LATERAL (
        SELECT l.other FROM timeline.link l WHERE l.patient = r.patient AND l.ended_in IS NULL
        UNION ALL
        SELECT l.patient FROM timeline.link l WHERE l.other = r.patient AND l.ended_in IS NULL
        UNION ALL
        SELECT p.merged_into FROM timeline.patient p WHERE p.patient = r.patient AND p.merged_into IS NOT NULL
        UNION ALL
        SELECT p.patient FROM timeline.patient p WHERE p.merged_into = r.patient
    ) AS next (patient)
)
SELECT patient FROM reached ORDER BY patient

-- name: register_linked
-- A patient whom only a link names so far: its records join whenever they come. Patients are linked within a site only.
INSERT INTO timeline.patient (patient, site)
SELECT l.other, min(p.site) FROM timeline.link l JOIN timeline.patient p USING (patient)
WHERE l.patient = ANY($1::uuid[]) AND l.ended_in IS NULL
GROUP BY l.other ORDER BY l.other
ON CONFLICT DO NOTHING

-- name: lock_linked
SELECT patient, version, merged_into, link_issue FROM timeline.patient
WHERE patient = ANY($1::uuid[]) ORDER BY patient FOR UPDATE

-- name: links
SELECT patient, other, link FROM timeline.link WHERE patient = ANY($1::uuid[]) AND ended_in IS NULL

-- name: set_standings
UPDATE timeline.patient p SET merged_into = s.merged_into, link_issue = s.link_issue
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS s (patient, merged_into, link_issue)
WHERE p.patient = s.patient

-- name: number_alike
UPDATE timeline.patient SET version = $2, changed_at = now(), has_merges = has_merges OR patient = ANY($3::uuid[])
WHERE patient = ANY($1::uuid[])

-- name: end_merges
UPDATE timeline.merge SET unmerged_in = $2, unmerged_at = now() WHERE patient = ANY($1::uuid[]) AND unmerged_in IS NULL

-- name: begin_merges
INSERT INTO timeline.merge (patient, survivor, merged_in)
SELECT m.patient, m.survivor, $3 FROM unnest($1::uuid[], $2::uuid[]) AS m (patient, survivor)

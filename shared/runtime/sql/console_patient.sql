-- One patient, as known now or at an earlier version of the timeline. Read as the role graftwatch_console.

-- name: entries
-- Every fact ever recorded of the patient, ended ones included: the past is replayed by version.
SELECT fact, recorded_at, added_in, ended_in FROM console.known_fact WHERE patient = $1

-- name: outcomes
-- What each service had decided last by that version.
SELECT DISTINCT ON (service, kind, subject) service, kind, subject, withdrawn, content, evidence, timeline_version,
    protocol_version, evaluated_at, recorded_at
FROM console.outcome WHERE patient = $1 AND protocol = $2 AND timeline_version <= $3
ORDER BY service, kind, subject, ordinal DESC

-- name: told
-- The events that announced those decisions, newest first, with whoever acknowledged them.
SELECT e.service, e.type, e.event, e.created_at, a.by_name, a.acknowledged_at
FROM console.event e
JOIN console.outcome o ON o.outcome_id = e.outcome_id AND o.patient = e.patient
LEFT JOIN LATERAL (
    SELECT by_name, acknowledged_at FROM console.acknowledgement WHERE event_id = e.event_id
    ORDER BY acknowledged_at LIMIT 1
) a ON true
WHERE e.patient = $1 AND o.protocol = $2 AND o.timeline_version <= $3
ORDER BY e.created_at DESC, e.sequence DESC

-- name: versions
-- When each version of the timeline came to be, and how many facts it added and ended.
SELECT v.version, min(v.at) AS at, sum(v.added)::integer AS added, sum(v.ended)::integer AS ended
FROM (
    SELECT added_in AS version, recorded_at AS at, 1 AS added, 0 AS ended FROM console.known_fact WHERE patient = $1
    UNION ALL
    SELECT ended_in, NULL, 0, 1 FROM console.known_fact WHERE patient = $1 AND ended_in IS NOT NULL
) AS v
GROUP BY v.version ORDER BY v.version

-- name: record
-- Every statement of one record, the ended ones too, newest first.
SELECT fact, recorded_at, added_in, ended_in FROM console.known_fact
WHERE patient = $1 AND fact->'source'->>'key' = $2 ORDER BY added_in DESC, fact_id

-- name: merges
-- Who was merged with the patient: into it, or it into another.
SELECT patient, survivor, merged_in, unmerged_in, merged_at, unmerged_at FROM console.merge
WHERE patient = $1 OR survivor = $1 ORDER BY merged_at, merged_in, patient

-- name: citing
-- The outcomes in force that cite one of these facts.
SELECT service, kind, subject, content->>'says' AS says
FROM (
    SELECT DISTINCT ON (service, kind, subject) service, kind, subject, withdrawn, content, evidence
    FROM console.outcome WHERE patient = $1 AND protocol = $2
    ORDER BY service, kind, subject, ordinal DESC
) AS current
WHERE NOT withdrawn AND EXISTS (
    SELECT FROM jsonb_array_elements(evidence) AS cited WHERE cited->>'fact_id' = ANY($3::text[])
)
ORDER BY service, kind, subject

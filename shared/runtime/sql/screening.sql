-- What the screening commands read, as the role graftwatch_reader.

-- name: patients
-- Every pseudonym that has a timeline of its own: not those that are merged into another.
SELECT patient FROM timeline.patient WHERE merged_into IS NULL ORDER BY patient

-- name: decided_at
-- The evaluation time of the newest evaluation; null where nothing was evaluated yet.
SELECT max(evaluated_at) FROM eligibility.evaluation

-- name: decisions
-- Every screening decision ever taken about one patient under one protocol, oldest first.
SELECT ordinal, withdrawn, content, evidence, timeline_version, protocol_version, protocol_hash, rules_version,
    evaluated_at, recorded_at
FROM eligibility.outcome WHERE patient = $1 AND protocol = $2 AND kind = 'screening' ORDER BY ordinal

-- name: protocol_content
-- The protocol as it was when a decision cited its hash.
SELECT content FROM protocol.protocol WHERE protocol = $1 AND hash = $2

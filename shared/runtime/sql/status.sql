-- How far the whole system is, for the demonstration, tests and the terminal. Read as the role graftwatch_reader.

-- name: feed_counts
SELECT site, topic, outcome, reason, resources FROM timeline.feed_count ORDER BY site, topic, outcome, reason

-- name: behind
-- Patients that a service has not evaluated at their newest version.
SELECT count(*) FROM timeline.patient p
LEFT JOIN {schema}.evaluation e ON e.patient = p.patient AND e.protocol = $1
WHERE e.patient IS NULL OR e.timeline_version < p.version OR e.protocol_hash <> $2

-- name: failures
SELECT patient, failure FROM {schema}.evaluation WHERE failure IS NOT NULL ORDER BY patient

-- name: unrelayed
SELECT count(*) FROM {schema}.outbox WHERE relayed_at IS NULL

-- name: latency
-- Seconds from the feed message published to the outcome committed: count, median and 99th percentile.
SELECT count(*) AS outcomes,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - published_at)) AS p50,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - published_at)) AS p99
FROM {schema}.outcome WHERE published_at IS NOT NULL

-- name: current_outcomes
SELECT patient, kind, subject, content FROM {schema}.current_outcome
WHERE protocol = $1 AND NOT withdrawn ORDER BY patient, kind, subject

-- name: events
SELECT type, event, created_at FROM {schema}.outbox WHERE patient = $1 ORDER BY sequence

-- name: event_counts
SELECT type, count(*) AS events FROM {schema}.outbox GROUP BY type ORDER BY type

-- name: patients
SELECT count(*) FROM timeline.patient

-- The feed as it arrives: what became of it, what waits, what could not be read. Read as the role graftwatch_console;
-- $1 the visitor's sites.

-- name: counts
SELECT site, topic, outcome, reason, resources FROM console.feed_count WHERE site = ANY($1::text[])
ORDER BY site, topic, outcome, reason

-- name: sites
-- How readable each site's last messages are, whether it is paused, and its open dead letters.
SELECT s.site, i.paused_at, i.paused_because, coalesce(i.held, 0) AS held, i.recent,
    (SELECT count(*) FROM console.dead_letter d WHERE d.site = s.site AND d.status = 'open') AS open_dead_letters
FROM unnest($1::text[]) AS s (site) LEFT JOIN console.site_intake i ON i.site = s.site
ORDER BY s.site

-- name: behind
-- Patients whose newest version a service has not evaluated yet, how long the longest has waited, and failures.
SELECT e.service, count(*) FILTER (WHERE e.timeline_version < p.version) AS patients,
    min(p.changed_at) FILTER (WHERE e.timeline_version < p.version) AS waiting_since,
    count(*) FILTER (WHERE e.failure IS NOT NULL) AS failed, max(e.evaluated_at) AS last_evaluated_at
FROM console.evaluation e JOIN console.patient p ON p.patient = e.patient
WHERE p.site = ANY($1::text[]) GROUP BY e.service ORDER BY e.service

-- name: throughput
-- Facts recorded in each hour of the last two days.
SELECT date_trunc('hour', f.recorded_at) AS hour, p.site, count(*) AS facts
FROM console.fact f JOIN console.patient p ON p.patient = f.patient
WHERE f.recorded_at > now() - interval '48 hours' AND p.site = ANY($1::text[])
GROUP BY 1, 2 ORDER BY 1, 2

-- name: dead_letters
-- One page of dead letters without anything of their content; $5 and $6 where the page before ended.
SELECT dead_letter, site, topic, partition, feed_offset, entry, patient, reason, path, says, attempts, status,
    first_failed_at, last_failed_at, closed_at, closed_by, closed_because
FROM console.dead_letter
WHERE site = ANY($1::text[]) AND ($2::text IS NULL OR site = $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR (last_failed_at, dead_letter) < ($5, $6::uuid))
ORDER BY last_failed_at DESC, dead_letter DESC LIMIT $7

-- name: dead_letter_reasons
SELECT reason, count(*) AS letters FROM console.dead_letter
WHERE site = ANY($1::text[]) AND ($2::text IS NULL OR status = $2) GROUP BY reason ORDER BY letters DESC, reason

-- name: unmapped
SELECT site, resource_type, system, code, resources, last_seen_at, count(*) OVER () AS total FROM console.unmapped_code
WHERE site = ANY($1::text[]) ORDER BY resources DESC, site, resource_type, system, code LIMIT $2

-- name: conformance
SELECT site, resource_type, sum(judged)::bigint AS judged, sum(not_conformant)::bigint AS not_conformant,
    sum(unjudged)::bigint AS unjudged
FROM console.conformance WHERE site = ANY($1::text[]) GROUP BY site, resource_type ORDER BY site, resource_type

-- name: issues
SELECT site, resource_type, path, issue, sum(resources)::bigint AS resources FROM console.conformance_issue
WHERE site = ANY($1::text[]) GROUP BY site, resource_type, path, issue
ORDER BY resources DESC, site, resource_type, path, issue LIMIT $2

-- name: ask_replay
INSERT INTO console.replay_request (request, site, reason, dead_letter, by_person, by_name)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING

-- name: site_of_letter
SELECT site, status FROM console.dead_letter WHERE dead_letter = $1

-- name: requests
SELECT site, reason, dead_letter, by_name, asked_at, began_at, done_at, replayed, unread FROM console.replay_request
WHERE site = ANY($1::text[]) ORDER BY asked_at DESC, request LIMIT $2

-- What the feed's data are like: codes that nobody knows, and what does not conform to FHIR.

-- name: unmapped
SELECT site, resource_type, system, code, resources, first_seen_at, last_seen_at FROM timeline.unmapped_code
WHERE ($1::text IS NULL OR site = $1) AND resources >= $2
ORDER BY resources DESC, site, resource_type, system, code

-- name: count_conformance
INSERT INTO timeline.conformance AS c (site, resource_type, profile, judged, not_conformant, unjudged)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS n (site, resource_type, profile, judged, not_conformant, unjudged) ORDER BY site, resource_type, profile
ON CONFLICT (site, resource_type, profile) DO UPDATE SET
    judged = c.judged + excluded.judged, not_conformant = c.not_conformant + excluded.not_conformant,
    unjudged = c.unjudged + excluded.unjudged

-- name: count_issues
INSERT INTO timeline.conformance_issue AS i (site, resource_type, profile, path, issue, resources)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
    AS n (site, resource_type, profile, path, issue, resources) ORDER BY site, resource_type, profile, path, issue
ON CONFLICT (site, resource_type, profile, path, issue) DO UPDATE SET resources = i.resources + excluded.resources

-- name: conformance
SELECT site, resource_type, profile, judged, not_conformant, unjudged FROM timeline.conformance
WHERE $1::text IS NULL OR site = $1 ORDER BY site, resource_type, profile

-- name: issues
SELECT site, resource_type, profile, path, issue, resources FROM timeline.conformance_issue
WHERE $1::text IS NULL OR site = $1 ORDER BY resources DESC, site, resource_type, profile, path, issue

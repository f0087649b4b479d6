-- Reading again what was read by other rules, and what the feed was not read for. As the role graftwatch_ingest.

-- name: try_to_lead
-- One worker at a time; the lock ends with the session.
SELECT pg_try_advisory_lock($1)

-- name: stale
-- Records read by other rules than those of today, in the order of their keys.
SELECT r.record FROM identity.resource r
JOIN unnest($1::text[], $2::text[]) AS today (site, derivation) ON today.site = r.site
WHERE r.derivation <> today.derivation AND NOT r.deleted AND r.record > $3
ORDER BY r.record LIMIT $4

-- name: stale_counts
SELECT r.site, count(*) AS resources FROM identity.resource r
JOIN unnest($1::text[], $2::text[]) AS today (site, derivation) ON today.site = r.site
WHERE r.derivation <> today.derivation AND NOT r.deleted
GROUP BY r.site ORDER BY r.site

-- name: whose
SELECT patient FROM identity.resource WHERE record = ANY($1::text[]) AND patient IS NOT NULL

-- name: open_of_stale_rules
-- Open dead letters that other rules than those of today tried last, in the order of the feed. Unread ones wait for `sites resume`.
SELECT d.dead_letter FROM identity.dead_letter d
LEFT JOIN unnest($1::text[], $2::text[]) AS today (site, derivation) ON today.site = d.site
WHERE d.status = 'open' AND d.reason <> 'site-paused' AND d.derivation <> coalesce(today.derivation, $3)
ORDER BY d.published_at, d.topic, d.partition, d.feed_offset, d.entry

-- name: stale_letters
SELECT count(*) FROM identity.dead_letter d
LEFT JOIN unnest($1::text[], $2::text[]) AS today (site, derivation) ON today.site = d.site
WHERE d.status = 'open' AND d.reason <> 'site-paused' AND d.derivation <> coalesce(today.derivation, $3)

-- name: needed_by
SELECT DISTINCT needed FROM identity.awaited WHERE record = ANY($1::text[])

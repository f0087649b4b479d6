-- For what each site's feed was read, and the earlier parts that are missing for codes asked for later.

-- name: lock_site_scope
INSERT INTO timeline.site_scope AS s (site, asked) VALUES ($1, $2)
ON CONFLICT (site) DO UPDATE SET site = excluded.site
RETURNING s.asked

-- name: set_site_scope
UPDATE timeline.site_scope SET asked = $2, recorded_at = now() WHERE site = $1 AND asked <> $2

-- name: has_sent
SELECT EXISTS (SELECT FROM timeline.feed_count WHERE site = $1)

-- name: add_gap
INSERT INTO timeline.scope_gap (site, since, concepts, codes) VALUES ($1, now(), $2, $3) ON CONFLICT DO NOTHING

-- name: gaps
SELECT site, since, concepts, codes, filled_at, filled_from, missing_before FROM timeline.scope_gap
WHERE $1::text IS NULL OR site = $1 ORDER BY site, since

-- name: fill
UPDATE timeline.scope_gap SET filled_at = now(), filled_from = $2, missing_before = $3
WHERE site = $1 AND (filled_at IS NULL OR missing_before IS NOT NULL) AND since <= $4

-- name: positions
SELECT topic, partition, next_offset FROM timeline.feed_position WHERE epoch = $1 ORDER BY topic, partition

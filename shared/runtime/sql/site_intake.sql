-- Which sites are paused, and what is held of them. All but `states` in the transaction of one batch.

-- name: recent
SELECT site, recent FROM timeline.site_intake WHERE site = ANY($1::text[])

-- name: lock_paused
-- Whoever holds messages of a paused site and whoever resumes it take turns.
SELECT site, held FROM timeline.site_intake
WHERE site = ANY($1::text[]) AND paused_at IS NOT NULL ORDER BY site FOR UPDATE

-- name: lock_recent
INSERT INTO timeline.site_intake AS s (site)
SELECT site FROM unnest($1::text[]) AS n (site) ORDER BY site
ON CONFLICT (site) DO UPDATE SET site = excluded.site
RETURNING s.site, s.recent, s.paused_at

-- name: remember
UPDATE timeline.site_intake s SET recent = n.recent,
    paused_at = CASE WHEN n.because IS NULL THEN s.paused_at ELSE now() END,
    paused_because = coalesce(n.because, s.paused_because)
FROM unnest($1::text[], $2::text[], $3::text[]) AS n (site, recent, because)
WHERE s.site = n.site

-- name: hold
-- A message delivered again is held already, or was counted before.
WITH kept AS (
    INSERT INTO identity.held_message (site, epoch, topic, partition, feed_offset, key, headers, value, published_at)
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[],
        $9::timestamptz[]
    )
    ON CONFLICT DO NOTHING
    RETURNING site
)
INSERT INTO timeline.site_intake AS s (site, held) SELECT site, count(*) FROM kept GROUP BY site ORDER BY site
ON CONFLICT (site) DO UPDATE SET held = s.held + excluded.held

-- name: held_among
SELECT epoch, topic, partition, feed_offset FROM identity.held_message
WHERE (epoch, topic, partition, feed_offset) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[]))

-- name: oldest_held
SELECT epoch, topic, partition, feed_offset, key, value, headers, published_at FROM identity.held_message
WHERE site = $1 ORDER BY published_at, topic, partition, feed_offset LIMIT $2

-- name: let_go
WITH gone AS (
    DELETE FROM identity.held_message
    WHERE (epoch, topic, partition, feed_offset) IN (
        SELECT * FROM unnest($2::text[], $3::text[], $4::integer[], $5::bigint[])
    )
    RETURNING 1
)
UPDATE timeline.site_intake SET held = held - (SELECT count(*) FROM gone) WHERE site = $1

-- name: resume
UPDATE timeline.site_intake SET recent = '', paused_at = NULL, paused_because = NULL WHERE site = $1

-- name: states
SELECT site, recent, paused_at, paused_because, held FROM timeline.site_intake ORDER BY site

-- What each service tells of itself to whoever watches, each asked every few seconds: by index, whatever there is.

-- name: now
SELECT clock_timestamp()

-- name: unrelayed
SELECT count(*) AS events, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS oldest_seconds
FROM {schema}.outbox WHERE relayed_at IS NULL

-- name: set_aside
SELECT count(DISTINCT patient) FROM {schema}.evaluation WHERE failure IS NOT NULL

-- name: reporting_clocks
-- Reports of serious adverse events that are not made yet, by study and by how they stood when last evaluated.
SELECT o.protocol AS study, o.content ->> 'state' AS state, count(*) AS reports
FROM safety.outcome o
WHERE o.kind = 'clock' AND NOT o.withdrawn AND o.content ->> 'state' IN ('due', 'due-soon', 'overdue')
  AND NOT EXISTS (
      SELECT FROM safety.outcome later
      WHERE later.kind = 'clock' AND later.patient = o.patient AND later.protocol = o.protocol
        AND later.subject = o.subject AND later.ordinal > o.ordinal
  )
GROUP BY o.protocol, o.content ->> 'state' ORDER BY 1, 2

-- name: site_feeds
SELECT site, last_delivered_at FROM timeline.site_feed ORDER BY site

-- name: open_dead_letters
SELECT coalesce(site, '') AS site, count(*) AS letters FROM identity.dead_letter WHERE status = 'open' GROUP BY 1 ORDER BY 1

-- name: subscriptions
SELECT status, count(*) AS subscriptions FROM notify.subscription WHERE status <> 'off' GROUP BY status ORDER BY status

-- name: oldest_unpublished_act
SELECT coalesce(extract(epoch FROM now() - min(acted_at)), 0)::float FROM console.act WHERE published_at IS NULL

-- name: migrations
SELECT name FROM public.graftwatch_migration ORDER BY name

-- name: database_bytes
SELECT pg_database_size(current_database())

-- name: dead_letters_by_site
SELECT site, sum(letters)::bigint AS letters FROM timeline.open_dead_letter_count GROUP BY site ORDER BY site

-- name: log_archive
-- Whether the server is asked to archive its log, when it last did, and whether the last attempt failed.
SELECT current_setting('archive_mode') <> 'off' AS asked, last_archived_time AS last_at,
    coalesce(last_failed_time > last_archived_time, last_failed_time IS NOT NULL) AS fails
FROM pg_stat_archiver

-- name: kept_for_replicas
-- How much of its log the server keeps for each replica that has a slot, whether or not it reads.
SELECT slot_name::text AS slot, active, coalesce(wal_status = 'lost', false) AS lost,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 AS bytes
FROM pg_replication_slots ORDER BY 1

-- name: releases_at_work
-- Of what more than one release, or one configuration, has worked within two minutes; for how long so.
SELECT service, subject, extract(epoch FROM now() - max(since))::float8 AS seconds FROM operation.release_at_work
WHERE worked_at > now() - interval '2 minutes' GROUP BY service, subject HAVING count(*) > 1 ORDER BY 1, 2

-- name: audit_head
SELECT coalesce(max(sequence), 0) FROM console.audit

-- name: feed_positions
SELECT topic, partition, next_offset FROM timeline.feed_position WHERE epoch = $1 ORDER BY topic, partition

-- Dead letters as an administrator sees and works them. Read and written as the role graftwatch_ingest.

-- name: find
-- Without any content; each filter is optional.
SELECT dead_letter, site, topic, partition, feed_offset, entry, reason, path, says, patient, attempts, status,
    first_failed_at, last_failed_at, closed_at, closed_by, closed_because
FROM identity.dead_letter
WHERE ($1::uuid[] IS NULL OR dead_letter = ANY($1::uuid[]))
  AND ($2::text IS NULL OR site = $2)
  AND ($3::text IS NULL OR reason = $3)
  AND ($4::timestamptz IS NULL OR first_failed_at >= $4)
  AND ($5::timestamptz IS NULL OR first_failed_at < $5)
  AND ($6::uuid IS NULL OR patient = $6)
  AND ($7::text IS NULL OR status = $7)
ORDER BY published_at, topic, partition, feed_offset, entry
LIMIT $8

-- name: content
SELECT dead_letter, key, headers, value FROM identity.dead_letter WHERE dead_letter = $1

-- name: lock_open
-- In the order in which a clean feed would have brought them.
SELECT dead_letter, site, epoch, topic, partition, feed_offset, entry, key, headers, value, links, patient, reason,
    published_at, tombstone
FROM identity.dead_letter WHERE dead_letter = ANY($1::uuid[]) AND status = 'open'
ORDER BY published_at, topic, partition, feed_offset, entry FOR UPDATE

-- name: failed_again
UPDATE identity.dead_letter SET attempts = attempts + 1, last_failed_at = now() WHERE dead_letter = ANY($1::uuid[])

-- name: drop
UPDATE identity.dead_letter SET status = 'dropped', closed_at = now(), closed_by = $2, closed_because = $3
WHERE dead_letter = ANY($1::uuid[])

-- name: any_pseudonym
-- To tell whether a pseudonym key is that of this database, before anything is read again with it.
SELECT site, patient_id, patient FROM identity.patient LIMIT 1

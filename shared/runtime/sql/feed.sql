-- What ingest reads and writes, all of it in the transaction of one batch.

-- name: register_patients
-- In key order, so that two workers never wait for each other in a circle. Who was removed counts on from the last version.
INSERT INTO timeline.patient (patient, site, version, began_in)
SELECT p.patient, p.site, coalesce(f.version + 1, 0), coalesce(f.version + 1, 0)
FROM unnest($1::uuid[], $2::text[]) AS p (patient, site) LEFT JOIN operation.former_patient f USING (patient)
ORDER BY patient
ON CONFLICT DO NOTHING

-- name: registered_patients
-- Of these, those that have both a timeline and a place in the crosswalk: most of a batch, as patients come again.
SELECT p.patient FROM timeline.patient p JOIN identity.patient i ON i.patient = p.patient
WHERE p.patient = ANY($1::uuid[])

-- name: refused_patients
-- Erased, and not allowed back.
SELECT patient FROM operation.former_patient WHERE patient = ANY($1::uuid[]) AND refused AND lifted_at IS NULL

-- name: refused_identifiers
-- By which erased patients were named.
SELECT identifier FROM operation.former_identifier WHERE identifier = ANY($1::text[])

-- name: register_crosswalk
INSERT INTO identity.patient (site, patient_id, patient)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS p (site, patient_id, patient) ORDER BY patient
ON CONFLICT DO NOTHING

-- name: patients_by_pseudonym
-- By these the console names whom a statement is about, as it knows no other id.
SELECT site, patient, patient_id FROM identity.patient WHERE patient = ANY($1::uuid[])

-- name: lock_patients
-- With each patient the one that it is merged into, whose version counts for both.
SELECT patient, version, merged_into FROM timeline.patient
WHERE patient = ANY(ARRAY(
    SELECT unnest($1::uuid[])
    UNION ALL
    SELECT merged_into FROM timeline.patient WHERE patient = ANY($1::uuid[]) AND merged_into IS NOT NULL
)) ORDER BY patient FOR UPDATE

-- name: current_resources
SELECT record, site, resource_type, patient, content_sha256, last_updated, version_id, broker_at, feed_position, deleted,
    unread
FROM identity.resource WHERE record = ANY($1::text[]) ORDER BY record FOR UPDATE

-- name: live_facts
SELECT record, patient, fact_id FROM timeline.fact WHERE record = ANY($1::text[]) AND ended_in IS NULL

-- name: needed_resources
-- Raw content of the current version of records that others need (Medications).
SELECT r.record, r.content_sha256, v.raw
FROM identity.resource r JOIN identity.resource_version v USING (record, content_sha256)
WHERE r.record = ANY($1::text[]) AND NOT r.deleted

-- name: lock_needed
-- Whoever brings a Medication and whoever needs it take turns, so that neither misses the other; those that need it need not
-- wait for each other.
SELECT CASE WHEN brought THEN pg_advisory_xact_lock(h) ELSE pg_advisory_xact_lock_shared(h) END FROM (
    SELECT hashtextextended(record, 0) AS h, bool_or(brought) AS brought
    FROM (SELECT unnest($1::text[]), false UNION ALL SELECT unnest($2::text[]), true) AS n (record, brought)
    GROUP BY h ORDER BY h
) AS in_order

-- name: patients_concerned
-- Whose the records are as stored (a deletion names nobody, a correction perhaps somebody else), and whose records need them.
SELECT patient FROM identity.resource WHERE record = ANY($1::text[]) AND patient IS NOT NULL
UNION
SELECT r.patient FROM identity.awaited a JOIN identity.resource r USING (record)
WHERE a.needed = ANY($1::text[]) AND r.patient IS NOT NULL

-- name: dependents
-- Records to read again because a record that they need has come or changed.
SELECT DISTINCT ON (r.record) r.record, r.site, r.resource_type, r.resource_id, r.patient, r.content_sha256,
    r.last_updated, r.version_id, r.broker_at, r.feed_position, r.deleted, r.unread, v.raw, v.links
FROM identity.awaited a
JOIN identity.resource r ON r.record = a.record AND NOT r.deleted
JOIN identity.resource_version v ON v.record = r.record AND v.content_sha256 = r.content_sha256
WHERE a.needed = ANY($1::text[])
ORDER BY r.record

-- name: await_resources
INSERT INTO identity.awaited (needed, record)
SELECT * FROM unnest($1::text[], $2::text[]) AS a (needed, record) ORDER BY needed, record
ON CONFLICT DO NOTHING

-- name: keep_versions
INSERT INTO identity.resource_version (record, content_sha256, raw, links, last_updated, version_id)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::bigint[])
    AS v (record, content_sha256, raw, links, last_updated, version_id) ORDER BY record, content_sha256
ON CONFLICT DO NOTHING

-- name: set_current
-- A record that was not there when this transaction looked must not be overwritten: another has stored it meanwhile.
INSERT INTO identity.resource AS r (
    record, site, resource_type, resource_id, patient, content_sha256, last_updated, version_id, broker_at,
    feed_position, deleted, issues, derivation, unread
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::bytea[], $7::timestamptz[], $8::bigint[],
    $9::timestamptz[], $10::text[], $11::boolean[], $12::jsonb[], $13::text[], $14::boolean[]
) AS c (
    record, site, resource_type, resource_id, patient, content_sha256, last_updated, version_id, broker_at,
    feed_position, deleted, issues, derivation, unread
) ORDER BY record
ON CONFLICT (record) DO UPDATE SET
    patient = excluded.patient, content_sha256 = excluded.content_sha256, last_updated = excluded.last_updated,
    version_id = excluded.version_id, broker_at = excluded.broker_at, feed_position = excluded.feed_position,
    deleted = excluded.deleted, issues = excluded.issues, derivation = excluded.derivation, unread = excluded.unread, updated_at = now()
WHERE r.record = ANY($15::text[])

-- name: raise_versions
UPDATE timeline.patient SET version = version + 1, changed_at = now()
WHERE patient = ANY($1::uuid[]) RETURNING patient, version

-- name: mark_backfilled
-- Back-fill alone raised these timelines by one, to this version: what it raised without a pause is one stretch.
UPDATE timeline.patient p
SET backfilled_to = m.version,
    backfilled_from = CASE WHEN p.backfilled_to = m.version - 1 THEN p.backfilled_from ELSE m.version - 1 END
FROM unnest($1::uuid[], $2::bigint[]) AS m (patient, version)
WHERE p.patient = m.patient AND p.version = m.version

-- name: end_facts
UPDATE timeline.fact f SET ended_in = e.version
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS e (patient, fact_id, version)
WHERE f.patient = e.patient AND f.fact_id = e.fact_id AND f.ended_in IS NULL

-- name: add_facts
-- One JSON document, and not arrays: handing them over costs ingest a third.
INSERT INTO timeline.fact (patient, fact_id, record, kind, occurred_at, fact, added_in)
SELECT * FROM json_to_recordset($1::json) AS f (
    patient uuid, fact_id uuid, record text, kind text, occurred_at timestamptz, fact jsonb, added_in bigint
)
ON CONFLICT DO NOTHING

-- name: keep_dead_letters
INSERT INTO identity.dead_letter AS d (
    dead_letter, site, epoch, topic, partition, feed_offset, entry, key, headers, value, links, record,
    patient, reason, path, says, published_at, tombstone, derivation
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::integer[], $8::bytea[], $9::bytea[],
    $10::bytea[], $11::bytea[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::timestamptz[],
    $18::boolean[], $19::text[]
)
ON CONFLICT (dead_letter) DO UPDATE SET last_failed_at = now()

-- name: keep_replayed_in_vain
-- A message set aside as a whole may turn out to be a Bundle with one bad entry: then only that is kept.
INSERT INTO identity.dead_letter AS d (
    dead_letter, site, epoch, topic, partition, feed_offset, entry, key, headers, value, links, record,
    patient, reason, path, says, published_at, tombstone, derivation
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::integer[], $8::bytea[], $9::bytea[],
    $10::bytea[], $11::bytea[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::timestamptz[],
    $18::boolean[], $19::text[]
)
ON CONFLICT (dead_letter) DO UPDATE SET
    site = excluded.site, value = excluded.value, links = excluded.links, record = excluded.record,
    patient = excluded.patient, reason = excluded.reason, path = excluded.path, says = excluded.says,
    derivation = excluded.derivation, attempts = d.attempts + 1, last_failed_at = now()

-- name: close_replayed
UPDATE identity.dead_letter SET status = 'replayed', closed_at = now() WHERE dead_letter = ANY($1::uuid[])

-- name: recount_dead_letters
-- Records, not messages: one that is delivered again unread is still one. The caller holds the patients' locks, and whoever
-- opens or closes a dead letter of theirs does too.
UPDATE timeline.patient p SET open_dead_letters = n.letters
FROM (
    SELECT k.patient, count(DISTINCT coalesce(d.record, d.dead_letter::text)) AS letters
    FROM unnest($1::uuid[]) AS k (patient)
    LEFT JOIN identity.dead_letter d ON d.patient = k.patient AND d.status = 'open'
    GROUP BY k.patient
) AS n
WHERE p.patient = n.patient AND p.open_dead_letters <> n.letters
RETURNING p.patient

-- name: register_positions
INSERT INTO timeline.feed_position (epoch, topic, partition, next_offset)
SELECT $1, p.topic, p.partition, 0 FROM unnest($2::text[], $3::integer[]) AS p (topic, partition)
ORDER BY topic, partition
ON CONFLICT DO NOTHING

-- name: lock_positions
SELECT topic, partition, next_offset FROM timeline.feed_position
WHERE epoch = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))
ORDER BY topic, partition FOR UPDATE

-- name: positions
-- How far the database is in one epoch of the feed.
SELECT topic, partition, next_offset FROM timeline.feed_position WHERE epoch = $1

-- name: advance_positions
UPDATE timeline.feed_position f SET next_offset = greatest(f.next_offset, p.next_offset)
FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS p (topic, partition, next_offset)
WHERE f.epoch = $1 AND f.topic = p.topic AND f.partition = p.partition

-- name: count_resources
INSERT INTO timeline.feed_count AS c (site, topic, outcome, reason, resources)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS n (site, topic, outcome, reason, resources) ORDER BY site, topic, outcome, reason
ON CONFLICT (site, topic, outcome, reason) DO UPDATE SET resources = c.resources + excluded.resources

-- name: note_delivery
-- Each site's own row, in key order; within ten seconds it is not written anew. What a clock said that has been set back since
-- does not stand: until it came true a silent site would not be missed.
INSERT INTO timeline.site_feed AS f (site) SELECT site FROM unnest($1::text[]) AS s (site) ORDER BY site
ON CONFLICT (site) DO UPDATE SET last_delivered_at = excluded.last_delivered_at
WHERE f.last_delivered_at NOT BETWEEN excluded.last_delivered_at - interval '10 seconds' AND excluded.last_delivered_at + interval '10 seconds'

-- name: forget_empty_counts
DELETE FROM timeline.feed_count WHERE resources = 0

-- name: count_unmapped
INSERT INTO timeline.unmapped_code AS u (site, resource_type, system, code, resources)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
    AS n (site, resource_type, system, code, resources) ORDER BY site, resource_type, system, code
ON CONFLICT (site, resource_type, system, code) DO UPDATE SET
    resources = u.resources + excluded.resources, last_seen_at = now()

-- name: stored_resources
-- Records with their content, locked.
SELECT r.record, r.site, r.resource_type, r.resource_id, r.patient, r.content_sha256, r.last_updated, r.version_id,
    r.broker_at, r.feed_position, r.deleted, r.unread, r.derivation, v.raw, v.links
FROM identity.resource r
JOIN identity.resource_version v USING (record, content_sha256)
WHERE r.record = ANY($1::text[]) AND NOT r.deleted
ORDER BY r.record FOR UPDATE OF r

-- name: keep_unread
-- What could be read once and cannot be now; opened again where it was closed.
INSERT INTO identity.dead_letter AS d (
    dead_letter, site, epoch, topic, partition, feed_offset, entry, key, headers, value, links, record,
    patient, reason, path, says, published_at, tombstone, derivation
)
SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::bigint[], $7::integer[], $8::bytea[], $9::bytea[],
    $10::bytea[], $11::bytea[], $12::text[], $13::uuid[], $14::text[], $15::text[], $16::text[], $17::timestamptz[],
    $18::boolean[], $19::text[]
)
ON CONFLICT (dead_letter) DO UPDATE SET
    value = excluded.value, links = excluded.links, patient = excluded.patient, reason = excluded.reason,
    path = excluded.path, says = excluded.says, derivation = excluded.derivation, status = 'open', closed_at = NULL,
    attempts = d.attempts + 1, last_failed_at = now()

-- Who is named by an identifier. All in the transaction of the batch that brings the record or the Patient.

-- name: lock_naming
-- Whoever reads by identifiers holds it, many at a time; whoever looks for what was read by one that changed waits for them.
SELECT pg_advisory_xact_lock_shared(hashtext('graftwatch-subjects'))

-- name: lock_renaming
SELECT pg_advisory_xact_lock(hashtext('graftwatch-subjects'))

-- name: register_identifiers
INSERT INTO identity.patient_identifier (identifier, patient, site, patient_id)
SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bytea[]) AS i (identifier, patient, site, patient_id)
ORDER BY identifier, patient
ON CONFLICT DO NOTHING
RETURNING identifier, patient

-- name: patients_by_identifier
-- Merged Patients that state the same are one, named by the survivor where it states it too.
SELECT i.identifier, count(DISTINCT coalesce(p.merged_into, i.patient)) AS persons,
    (array_agg(i.patient ORDER BY p.merged_into IS NOT NULL, i.patient))[1] AS patient,
    (array_agg(i.patient_id ORDER BY p.merged_into IS NOT NULL, i.patient))[1] AS patient_id
FROM identity.patient_identifier i LEFT JOIN timeline.patient p USING (patient)
WHERE i.identifier = ANY($1::text[])
GROUP BY i.identifier

-- name: remember_named
INSERT INTO identity.subject_identifier (identifier, record)
SELECT * FROM unnest($1::text[], $2::text[]) AS s (identifier, record) ORDER BY identifier, record
ON CONFLICT DO NOTHING

-- name: withdraw_identifiers
-- What these Patients state no more.
DELETE FROM identity.patient_identifier i
WHERE i.patient = ANY($1::uuid[])
  AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::uuid[]) AS k (identifier, patient)
    WHERE k.identifier = i.identifier AND k.patient = i.patient
)
RETURNING i.identifier

-- name: forget_identifiers
-- Stated by versions that turned out not to be the current ones.
DELETE FROM identity.patient_identifier i USING unnest($1::text[], $2::uuid[]) AS f (identifier, patient)
WHERE i.identifier = f.identifier AND i.patient = f.patient
RETURNING i.identifier

-- name: note_changes
-- Identifiers withdrawn or of patients who were merged; and of those newly stated, those that named somebody before.
INSERT INTO identity.identifier_change (identifier)
SELECT unnest($1::text[])
UNION
SELECT identifier FROM identity.patient_identifier WHERE patient = ANY($2::uuid[])
UNION
SELECT i.identifier FROM identity.patient_identifier i WHERE i.identifier = ANY($3::text[])
GROUP BY i.identifier HAVING count(*) > 1
ON CONFLICT DO NOTHING

-- name: waiting_letters
-- Dead letters whose subject is known now, or known to be several; of these identifiers only, unless null.
SELECT d.dead_letter
FROM identity.dead_letter d
JOIN identity.subject_identifier s ON s.record = d.record
JOIN identity.patient_identifier i ON i.identifier = s.identifier
LEFT JOIN timeline.patient p ON p.patient = i.patient
WHERE d.status = 'open' AND d.reason IN ('subject-by-identifier', 'subject-ambiguous')
  AND ($1::text[] IS NULL OR s.identifier = ANY($1::text[]))
GROUP BY d.dead_letter, s.identifier
HAVING (count(DISTINCT coalesce(p.merged_into, i.patient)) = 1) OR d.reason = 'subject-by-identifier'
LIMIT $2

-- name: oldest_change
SELECT identifier, changed_at FROM identity.identifier_change ORDER BY changed_at, identifier LIMIT 1

-- name: named_records
-- The records that name their subject by an identifier, from one on in key order, with their content.
SELECT r.record, r.site, r.resource_type, r.resource_id, r.patient, r.content_sha256,
    r.last_updated, r.version_id, r.broker_at, r.feed_position, r.deleted, v.raw, v.links
FROM identity.subject_identifier s
JOIN identity.resource r ON r.record = s.record AND NOT r.deleted
JOIN identity.resource_version v ON v.record = r.record AND v.content_sha256 = r.content_sha256
WHERE s.identifier = $1 AND s.record > $2
ORDER BY r.record LIMIT $3

-- name: change_done
DELETE FROM identity.identifier_change WHERE identifier = $1 AND changed_at = $2

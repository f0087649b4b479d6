-- What notify needs of identity where recipients are configured to have it. Read as the role graftwatch_notify.

-- name: sealed_patient
SELECT site, patient_id FROM notify.sealed_patient($1)

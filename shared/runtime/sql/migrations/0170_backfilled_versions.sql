-- Whether what a patient waits for came by back-fill alone: a mass of those may wait, and is no reason to call anybody.

ALTER TABLE timeline.patient ADD COLUMN backfilled_from bigint, ADD COLUMN backfilled_to bigint;
COMMENT ON COLUMN timeline.patient.backfilled_from IS 'Back-fill alone raised the version from this one to backfilled_to; null: it never did.';
COMMENT ON COLUMN timeline.patient.backfilled_to IS 'The version that back-fill raised last; equal to version while nothing live came after it.';

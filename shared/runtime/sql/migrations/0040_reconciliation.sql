-- Reconciliation finds whom something recent concerns without reading everybody.

CREATE INDEX patient_by_change ON timeline.patient (changed_at);
COMMENT ON INDEX timeline.patient_by_change IS 'Timelines that changed in the last minutes.';

DROP INDEX eligibility.evaluation_due;
CREATE INDEX evaluation_due ON eligibility.evaluation (protocol, valid_until) WHERE valid_until IS NOT NULL;
CREATE INDEX evaluation_failed ON eligibility.evaluation (retry_at) WHERE failure IS NOT NULL;

DROP INDEX response.evaluation_valid_until_idx;
CREATE INDEX evaluation_due ON response.evaluation (protocol, valid_until) WHERE valid_until IS NOT NULL;
CREATE INDEX evaluation_failed ON response.evaluation (retry_at) WHERE failure IS NOT NULL;

DROP INDEX safety.evaluation_valid_until_idx;
CREATE INDEX evaluation_due ON safety.evaluation (protocol, valid_until) WHERE valid_until IS NOT NULL;
CREATE INDEX evaluation_failed ON safety.evaluation (retry_at) WHERE failure IS NOT NULL;

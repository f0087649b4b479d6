-- Records that name their subject by an identifier: they wait for the Patient that states it, and follow it where it moves.

CREATE TABLE identity.subject_identifier (
    identifier text NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (identifier, record)
);
COMMENT ON TABLE identity.subject_identifier IS 'Which records name a patient by which identifier, whether anybody states it or not.';
COMMENT ON COLUMN identity.subject_identifier.identifier IS 'Keyed hash of site and system|value, as in patient_identifier.';
CREATE INDEX subject_identifier_by_record ON identity.subject_identifier (record);

CREATE TABLE identity.identifier_change (
    identifier text PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE identity.identifier_change IS 'Identifiers that name somebody else than before, or nobody: work for ingest, which reads again what they named.';

CREATE INDEX patient_identifier_by_patient ON identity.patient_identifier (patient);
CREATE INDEX dead_letter_waiting ON identity.dead_letter (record)
    WHERE status = 'open' AND reason IN ('subject-by-identifier', 'subject-ambiguous');

GRANT SELECT, INSERT, DELETE ON identity.subject_identifier, identity.identifier_change TO graftwatch_ingest;
GRANT DELETE ON identity.patient_identifier TO graftwatch_ingest;

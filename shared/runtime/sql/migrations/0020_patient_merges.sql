-- Patients that a hospital has merged: facts keep the key that they came under, the survivor's timeline is the union.

ALTER TABLE timeline.patient
    ADD COLUMN merged_into uuid,
    ADD COLUMN has_merges boolean NOT NULL DEFAULT false,
    ADD COLUMN link_issue text CHECK (link_issue IN ('cycle', 'contradictory'));
COMMENT ON COLUMN timeline.patient.merged_into IS 'The patient that this one is merged into, at the end of a chain the last; null: a patient of its own.';
COMMENT ON COLUMN timeline.patient.has_merges IS 'Whether another patient is, or ever was, merged into this one.';
COMMENT ON COLUMN timeline.patient.link_issue IS 'Why its links are not followed: they lead in a circle, or to several patients.';
COMMENT ON COLUMN timeline.patient.version IS 'Rises with each batch that changes a fact; of a merged patient it stands still, and its facts are numbered by the survivor''s.';
CREATE INDEX patient_by_survivor ON timeline.patient (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX patient_merged ON timeline.patient (patient) WHERE merged_into IS NOT NULL;
CREATE INDEX patient_link_issue ON timeline.patient (site) WHERE link_issue IS NOT NULL;

CREATE TABLE timeline.merge (
    patient uuid NOT NULL,
    survivor uuid NOT NULL,
    merged_in bigint NOT NULL,
    unmerged_in bigint,
    merged_at timestamptz NOT NULL DEFAULT now(),
    unmerged_at timestamptz,
    PRIMARY KEY (patient, merged_in)
);
COMMENT ON TABLE timeline.merge IS 'Whose facts belonged to whose timeline besides, from which version until which. One version number counts for both meanwhile.';
COMMENT ON COLUMN timeline.merge.merged_in IS 'Version of both timelines from which the survivor''s holds the patient''s facts.';
COMMENT ON COLUMN timeline.merge.unmerged_in IS 'Version of both timelines from which it does not any more; null while merged.';
CREATE INDEX merge_by_survivor ON timeline.merge (survivor);

CREATE INDEX fact_patient_link ON timeline.fact (patient) WHERE kind = 'patient-link';
CREATE INDEX fact_patient_linked ON timeline.fact (((fact ->> 'other')::uuid)) WHERE kind = 'patient-link';
CREATE VIEW timeline.link AS
SELECT patient, (fact ->> 'other')::uuid AS other, fact ->> 'link' AS link, ended_in
FROM timeline.fact WHERE kind = 'patient-link';
COMMENT ON VIEW timeline.link IS 'What Patients state of other Patients: replaced-by, replaces. Ended statements too.';

CREATE VIEW timeline.known_fact AS
SELECT patient, patient AS of, fact_id, fact, recorded_at, added_in, ended_in FROM timeline.fact
UNION ALL
SELECT m.survivor, f.patient, f.fact_id, f.fact, f.recorded_at, greatest(f.added_in, m.merged_in), least(f.ended_in, m.unmerged_in)
FROM timeline.merge m JOIN timeline.fact f USING (patient)
WHERE least(f.ended_in, m.unmerged_in) IS NULL OR greatest(f.added_in, m.merged_in) < least(f.ended_in, m.unmerged_in);
COMMENT ON VIEW timeline.known_fact IS 'The facts of each timeline, those of patients merged into it included while they were.';
COMMENT ON COLUMN timeline.known_fact.of IS 'The key that the fact came under.';
COMMENT ON COLUMN timeline.known_fact.added_in IS 'Version from which this timeline has the fact: it was added, or its patient merged.';
COMMENT ON COLUMN timeline.known_fact.ended_in IS 'Version from which it has it no more: it was ended, or its patient unmerged.';

GRANT SELECT, INSERT, UPDATE ON timeline.merge TO graftwatch_ingest;
GRANT SELECT ON timeline.merge, timeline.link, timeline.known_fact
    TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;

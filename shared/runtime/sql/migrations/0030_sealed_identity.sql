-- What names a person or holds a record is sealed: encrypted by us before PostgreSQL has it.

DO $$
BEGIN
    IF EXISTS (SELECT FROM identity.patient) OR EXISTS (SELECT FROM identity.resource)
        OR EXISTS (SELECT FROM identity.dead_letter) OR EXISTS (SELECT FROM identity.held_message) THEN
        RAISE EXCEPTION 'the schema identity holds records in clear, written before they were encrypted: '
            'begin with an empty database and load the feed again (graftwatch load)';
    END IF;
END
$$;

ALTER TABLE identity.patient
    DROP CONSTRAINT patient_pkey,
    DROP CONSTRAINT patient_patient_key,
    DROP COLUMN patient_id,
    ADD COLUMN patient_id bytea NOT NULL,
    ADD PRIMARY KEY (patient);
COMMENT ON COLUMN identity.patient.patient_id IS 'Sealed: the hospital''s id of the patient.';
COMMENT ON COLUMN identity.patient.patient IS 'The pseudonym, a keyed hash of site and patient id: whoever has both finds the row by it.';

DROP TABLE identity.patient_identifier;
CREATE TABLE identity.patient_identifier (
    identifier text NOT NULL,
    patient uuid NOT NULL,
    site text NOT NULL,
    patient_id bytea NOT NULL,
    PRIMARY KEY (identifier, patient)
);
COMMENT ON TABLE identity.patient_identifier IS 'Identifiers that Patients state: other records may name them so.';
COMMENT ON COLUMN identity.patient_identifier.identifier IS 'Keyed hash of site and system|value: enough to find it, and nothing that can be read.';
COMMENT ON COLUMN identity.patient_identifier.patient_id IS 'Sealed: the hospital''s id of the patient.';

ALTER TABLE identity.resource
    DROP COLUMN resource_id,
    ADD COLUMN resource_id bytea NOT NULL;
COMMENT ON COLUMN identity.resource.resource_id IS 'Sealed: the hospital''s id of the record.';
COMMENT ON COLUMN identity.resource.content_sha256 IS 'Hash of the content after a secret of the installation: of a short record a plain one could be guessed.';

ALTER TABLE identity.resource_version
    DROP COLUMN links,
    ADD COLUMN links bytea;
COMMENT ON COLUMN identity.resource_version.raw IS 'Sealed: the record as received, byte for byte.';
COMMENT ON COLUMN identity.resource_version.links IS 'Sealed: Bundle-internal references that the resource alone cannot resolve, as JSON; null where there are none.';

ALTER TABLE identity.dead_letter
    DROP COLUMN headers,
    DROP COLUMN links,
    ADD COLUMN headers bytea NOT NULL,
    ADD COLUMN links bytea;
COMMENT ON COLUMN identity.dead_letter.key IS 'Sealed: the key of the message.';
COMMENT ON COLUMN identity.dead_letter.headers IS 'Sealed: the headers of the message, as JSON.';
COMMENT ON COLUMN identity.dead_letter.value IS 'Sealed: the original bytes.';
COMMENT ON COLUMN identity.dead_letter.links IS 'Sealed: Bundle-internal references, as JSON; null where there are none.';

ALTER TABLE identity.held_message
    DROP COLUMN headers,
    ADD COLUMN headers bytea NOT NULL;
COMMENT ON COLUMN identity.held_message.key IS 'Sealed: the key of the message.';
COMMENT ON COLUMN identity.held_message.headers IS 'Sealed: the headers of the message, as JSON.';
COMMENT ON COLUMN identity.held_message.value IS 'Sealed: the original bytes.';

CREATE TABLE identity.crosswalk_key (
    key text PRIMARY KEY,
    proof bytea NOT NULL,
    first_used_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
COMMENT ON TABLE identity.crosswalk_key IS 'The keys under which identity is sealed, by name: which must be there, and whether they are the right ones.';
COMMENT ON COLUMN identity.crosswalk_key.proof IS 'Nothing, sealed with the key: another key of the same name does not open it.';
COMMENT ON COLUMN identity.crosswalk_key.retired_at IS 'When nothing was sealed with it any more: it may be destroyed.';

GRANT SELECT, INSERT, UPDATE ON identity.patient_identifier, identity.crosswalk_key TO graftwatch_ingest;
GRANT UPDATE ON identity.held_message TO graftwatch_ingest;

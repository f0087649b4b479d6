-- What ingest writes: records as received, facts, dead letters, and what became of every message.

CREATE TABLE identity.patient (
    site text NOT NULL,
    patient_id text NOT NULL,
    patient uuid NOT NULL UNIQUE,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, patient_id)
);
COMMENT ON TABLE identity.patient IS 'Crosswalk from the hospital''s patient id to the pseudonym.';

CREATE TABLE identity.patient_identifier (
    site text NOT NULL,
    identifier text NOT NULL,
    patient_id text NOT NULL,
    PRIMARY KEY (site, identifier, patient_id)
);
COMMENT ON TABLE identity.patient_identifier IS 'Identifiers (system|value) that Patients state: other records may name them so.';

CREATE TABLE identity.resource (
    record text PRIMARY KEY,
    site text NOT NULL,
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    patient uuid,
    content_sha256 bytea NOT NULL,
    last_updated timestamptz,
    version_id bigint,
    broker_at timestamptz NOT NULL,
    feed_position text NOT NULL,
    deleted boolean NOT NULL,
    issues jsonb NOT NULL DEFAULT '[]',
    scope_hash text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE identity.resource IS 'The current version of each record; record is the pseudonym used in facts and evidence.';
COMMENT ON COLUMN identity.resource.feed_position IS 'epoch/topic/partition/offset of the message that brought this version.';
COMMENT ON COLUMN identity.resource.scope_hash IS 'Hash of the scope (concepts asked for by protocols) it was read under.';
CREATE INDEX resource_by_patient ON identity.resource (patient);

CREATE TABLE identity.resource_version (
    record text NOT NULL,
    content_sha256 bytea NOT NULL,
    raw bytea NOT NULL,
    links jsonb NOT NULL DEFAULT '[]',
    last_updated timestamptz,
    version_id bigint,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (record, content_sha256)
);
COMMENT ON TABLE identity.resource_version IS 'Every version of every in-scope record as received, byte for byte.';
COMMENT ON COLUMN identity.resource_version.links IS 'Bundle-internal references that the resource alone cannot resolve.';

CREATE TABLE identity.awaited (
    needed text NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (needed, record)
);
COMMENT ON TABLE identity.awaited IS 'record is completed by the record needed (a Medication in another message), whenever that comes or changes.';

CREATE TABLE identity.dead_letter (
    dead_letter uuid PRIMARY KEY,
    site text,
    epoch text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    feed_offset bigint NOT NULL,
    entry integer NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    value bytea,
    links jsonb NOT NULL DEFAULT '[]',
    record text,
    patient uuid,
    reason text NOT NULL,
    path text NOT NULL,
    says text NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    first_failed_at timestamptz NOT NULL DEFAULT now(),
    last_failed_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'dropped'))
);
COMMENT ON TABLE identity.dead_letter IS 'What could not be read: the original bytes with source position and reason.';
COMMENT ON COLUMN identity.dead_letter.patient IS 'Whom it concerns, as far as that could be read; null otherwise.';
CREATE INDEX dead_letter_open_by_patient ON identity.dead_letter (patient) WHERE status = 'open';
COMMENT ON COLUMN identity.dead_letter.entry IS 'Index of the Bundle entry; 0 for a message of one resource.';

CREATE TABLE timeline.patient (
    patient uuid PRIMARY KEY,
    site text NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE timeline.patient IS 'One row per pseudonym; version rises with each batch that changes a fact.';

CREATE TABLE timeline.fact (
    patient uuid NOT NULL,
    fact_id uuid NOT NULL,
    record text NOT NULL,
    kind text NOT NULL,
    occurred_at timestamptz,
    fact jsonb NOT NULL,
    added_in bigint NOT NULL,
    ended_in bigint,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient, fact_id, added_in)
);
COMMENT ON TABLE timeline.fact IS 'Dated clinical facts; never updated but for ended_in.';
COMMENT ON COLUMN timeline.fact.recorded_at IS 'Transaction time of the first insert: when Graftwatch learned it.';
COMMENT ON COLUMN timeline.fact.added_in IS 'Timeline version that added the fact.';
COMMENT ON COLUMN timeline.fact.ended_in IS 'Timeline version that ended it (correction, retraction, deletion); null while live.';
CREATE INDEX fact_live_by_record ON timeline.fact (record) WHERE ended_in IS NULL;

CREATE TABLE timeline.feed_position (
    epoch text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (epoch, topic, partition)
);
COMMENT ON TABLE timeline.feed_position IS 'First offset not yet counted: what lies before it is a redelivery.';

CREATE TABLE timeline.feed_count (
    site text NOT NULL,
    topic text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'accepted_with_issues', 'rejected', 'out_of_scope')),
    reason text NOT NULL DEFAULT '',
    resources bigint NOT NULL,
    PRIMARY KEY (site, topic, outcome, reason)
);
COMMENT ON TABLE timeline.feed_count IS 'What became of every delivered resource, each counted once.';

GRANT USAGE ON SCHEMA identity TO graftwatch_ingest;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA identity TO graftwatch_ingest;
GRANT USAGE ON SCHEMA timeline TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA timeline TO graftwatch_ingest;
GRANT SELECT ON ALL TABLES IN SCHEMA timeline TO graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;
GRANT USAGE ON SCHEMA protocol TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA protocol TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;

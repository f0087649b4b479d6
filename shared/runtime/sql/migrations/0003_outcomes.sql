-- What each deciding service writes: the same three tables in its own schema.

CREATE TABLE eligibility.outcome (
    outcome_id uuid PRIMARY KEY,
    patient uuid NOT NULL,
    protocol text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    ordinal integer NOT NULL,
    supersedes uuid,
    withdrawn boolean NOT NULL,
    content jsonb NOT NULL,
    evidence jsonb NOT NULL,
    content_hash text NOT NULL,
    timeline_version bigint NOT NULL,
    protocol_version text NOT NULL,
    protocol_hash text NOT NULL,
    rules_version text NOT NULL,
    evaluated_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    UNIQUE (patient, protocol, kind, subject, ordinal)
);
COMMENT ON TABLE eligibility.outcome IS 'Every outcome ever decided, appended, never updated; the highest ordinal is the current one.';
COMMENT ON COLUMN eligibility.outcome.withdrawn IS 'True where the evidence is gone: there is no such outcome any more.';
COMMENT ON COLUMN eligibility.outcome.evaluated_at IS 'The clock the rules were given (GRAFTWATCH_AS_OF in a demonstration).';
COMMENT ON COLUMN eligibility.outcome.published_at IS 'When the feed message that caused it was published; null if reconciliation or time did.';

CREATE TABLE eligibility.evaluation (
    patient uuid NOT NULL,
    protocol text NOT NULL,
    timeline_version bigint NOT NULL DEFAULT -1,
    protocol_hash text NOT NULL DEFAULT '',
    rules_version text NOT NULL DEFAULT '',
    evaluated_at timestamptz,
    valid_until timestamptz,
    failure text,
    retry_at timestamptz,
    PRIMARY KEY (patient, protocol)
);
COMMENT ON TABLE eligibility.evaluation IS 'What was last evaluated, and until when it stands without news: the work list of reconciliation.';
COMMENT ON COLUMN eligibility.evaluation.failure IS 'Where the rules failed for this patient, until a later evaluation succeeds.';
CREATE INDEX evaluation_due ON eligibility.evaluation (valid_until) WHERE valid_until IS NOT NULL;

CREATE TABLE eligibility.outbox (
    event_id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    patient uuid NOT NULL,
    outcome_id uuid NOT NULL,
    topic text NOT NULL,
    type text NOT NULL,
    event jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    relayed_at timestamptz
);
COMMENT ON TABLE eligibility.outbox IS 'Events committed with their outcome; relayed to Kafka at least once, in order per patient.';
CREATE INDEX outbox_unrelayed ON eligibility.outbox (sequence) WHERE relayed_at IS NULL;

CREATE TABLE response.outcome (LIKE eligibility.outcome INCLUDING ALL);
CREATE TABLE response.evaluation (LIKE eligibility.evaluation INCLUDING ALL);
CREATE TABLE response.outbox (LIKE eligibility.outbox INCLUDING ALL);
CREATE TABLE safety.outcome (LIKE eligibility.outcome INCLUDING ALL);
CREATE TABLE safety.evaluation (LIKE eligibility.evaluation INCLUDING ALL);
CREATE TABLE safety.outbox (LIKE eligibility.outbox INCLUDING ALL);

CREATE VIEW eligibility.current_outcome AS
SELECT DISTINCT ON (patient, protocol, kind, subject) * FROM eligibility.outcome
ORDER BY patient, protocol, kind, subject, ordinal DESC;
CREATE VIEW response.current_outcome AS
SELECT DISTINCT ON (patient, protocol, kind, subject) * FROM response.outcome
ORDER BY patient, protocol, kind, subject, ordinal DESC;
CREATE VIEW safety.current_outcome AS
SELECT DISTINCT ON (patient, protocol, kind, subject) * FROM safety.outcome
ORDER BY patient, protocol, kind, subject, ordinal DESC;

GRANT USAGE ON SCHEMA eligibility TO graftwatch_eligibility, graftwatch_reader;
GRANT USAGE ON SCHEMA response TO graftwatch_response, graftwatch_reader;
GRANT USAGE ON SCHEMA safety TO graftwatch_safety, graftwatch_reader;
GRANT SELECT, INSERT ON eligibility.outcome TO graftwatch_eligibility;
GRANT SELECT, INSERT ON response.outcome TO graftwatch_response;
GRANT SELECT, INSERT ON safety.outcome TO graftwatch_safety;
GRANT SELECT, INSERT, UPDATE ON eligibility.evaluation, eligibility.outbox TO graftwatch_eligibility;
GRANT SELECT, INSERT, UPDATE ON response.evaluation, response.outbox TO graftwatch_response;
GRANT SELECT, INSERT, UPDATE ON safety.evaluation, safety.outbox TO graftwatch_safety;
GRANT SELECT ON eligibility.current_outcome TO graftwatch_eligibility;
GRANT SELECT ON response.current_outcome TO graftwatch_response;
GRANT SELECT ON safety.current_outcome TO graftwatch_safety;
GRANT SELECT ON ALL TABLES IN SCHEMA eligibility, response, safety TO graftwatch_reader;

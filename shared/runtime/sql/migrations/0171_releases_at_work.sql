-- Two releases at once must not undo each other's work: which came last is remembered, and whether it works.

CREATE TABLE operation.release_at_work (
    service text NOT NULL,
    subject text NOT NULL,
    basis text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    worked_at timestamptz,
    PRIMARY KEY (service, subject, basis)
);
COMMENT ON TABLE operation.release_at_work IS 'By what the workers of a service decide or read, and who began last: older ones leave to it what it has begun.';
COMMENT ON COLUMN operation.release_at_work.subject IS 'Of a deciding service the protocol, of ingest the site.';
COMMENT ON COLUMN operation.release_at_work.basis IS 'Of a deciding service the hash of the protocol and the version of the rules, of ingest the derivation of its facts.';
COMMENT ON COLUMN operation.release_at_work.since IS 'When it began to be at work without a pause of two minutes.';
COMMENT ON COLUMN operation.release_at_work.worked_at IS 'When a worker of it last got its work done; null: none has yet.';
GRANT USAGE ON SCHEMA operation TO graftwatch_eligibility, graftwatch_response, graftwatch_safety;
GRANT SELECT, INSERT, UPDATE ON operation.release_at_work TO graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_ingest;
GRANT SELECT ON operation.release_at_work TO graftwatch_reader;

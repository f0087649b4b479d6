-- Schemas and one role for each service. Each role writes its own schema and reads timeline and protocol.
-- Roles belong to the whole Postgres cluster, so an existing one is kept.

DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY ['ingest', 'eligibility', 'response', 'safety', 'reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'graftwatch_' || service) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'graftwatch_' || service);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', 'graftwatch_' || service);
    END LOOP;
END
$$;

CREATE SCHEMA identity;
COMMENT ON SCHEMA identity IS 'Everything with identifiers: crosswalk, raw resources, dead letters. Ingest only.';
CREATE SCHEMA timeline;
COMMENT ON SCHEMA timeline IS 'Pseudonymous facts of each patient, versioned. Written by ingest, read by every service.';
CREATE SCHEMA protocol;
COMMENT ON SCHEMA protocol IS 'Every protocol version that was ever in force. Written by the migrator.';
CREATE SCHEMA eligibility;
COMMENT ON SCHEMA eligibility IS 'Screening decisions.';
CREATE SCHEMA response;
COMMENT ON SCHEMA response IS 'Tumour response assessments.';
CREATE SCHEMA safety;
COMMENT ON SCHEMA safety IS 'Toxicity, graft rejection and adverse events.';

CREATE TABLE protocol.protocol (
    protocol text NOT NULL,
    hash text NOT NULL,
    version text NOT NULL,
    content jsonb NOT NULL,
    in_force_since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (protocol, hash)
);
COMMENT ON TABLE protocol.protocol IS 'The content of each protocol version by its hash, as cited by outcomes.';

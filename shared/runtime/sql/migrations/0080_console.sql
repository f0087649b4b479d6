-- What trial staff do in the console, the read model of its screening list, and the audit of everything they saw and did.

DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY ['console', 'notify'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'graftwatch_' || service) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'graftwatch_' || service);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', 'graftwatch_' || service);
    END LOOP;
END
$$;

CREATE SCHEMA console;
COMMENT ON SCHEMA console IS 'What trial staff did, the audit of it, and the views that the console may read.';

-- Who is there -------------------------------------------------------------------------------------------------------

CREATE TABLE console.session (
    token_sha256 bytea PRIMARY KEY,
    person text NOT NULL,
    name text NOT NULL,
    claims jsonb NOT NULL DEFAULT '[]',
    form_key bytea NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL
);
COMMENT ON TABLE console.session IS 'Who is logged in. The cookie holds a token of which only the digest is kept.';
COMMENT ON COLUMN console.session.claims IS 'Roles as the identity provider stated them; empty where they come from the staff file.';
COMMENT ON COLUMN console.session.form_key IS 'Key under which the forms of this session are signed.';

CREATE TABLE console.login (
    state_sha256 bytea PRIMARY KEY,
    nonce text NOT NULL,
    code_verifier text NOT NULL,
    return_to text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE console.login IS 'Logins under way at the identity provider; each is used once.';

CREATE TABLE console.used_form (
    form uuid PRIMARY KEY,
    used_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE console.used_form IS 'Forms that were sent: a second time they are refused.';

-- What they did ------------------------------------------------------------------------------------------------------

CREATE TABLE console.act (
    act uuid PRIMARY KEY,
    patient uuid NOT NULL,
    protocol text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    step integer NOT NULL,
    seen_outcome uuid,
    code text NOT NULL,
    value boolean NOT NULL,
    reason text,
    by_person text NOT NULL,
    by_name text NOT NULL,
    site text NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    record jsonb NOT NULL,
    acted_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    UNIQUE (patient, protocol, kind, subject, step)
);
COMMENT ON TABLE console.act IS 'Attestations made in the console, each on its way to the feed as a FHIR record.';
COMMENT ON COLUMN console.act.step IS 'Which statement about this subject it is: of two people who acted on the same state one is refused.';
COMMENT ON COLUMN console.act.seen_outcome IS 'The outcome that was on the screen; null where there was none.';
COMMENT ON COLUMN console.act.published_at IS 'When the broker had it; null: still to be published.';
CREATE INDEX act_unpublished ON console.act (acted_at) WHERE published_at IS NULL;

CREATE TABLE console.assignment (
    patient uuid NOT NULL,
    protocol text NOT NULL,
    step integer NOT NULL,
    to_person text,
    to_name text,
    by_person text NOT NULL,
    by_name text NOT NULL,
    assigned_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient, protocol, step)
);
COMMENT ON TABLE console.assignment IS 'Who looks after a patient; the highest step counts, to_person null: nobody any more.';

CREATE TABLE console.comment (
    comment uuid PRIMARY KEY,
    patient uuid NOT NULL,
    protocol text NOT NULL,
    subject text NOT NULL DEFAULT '',
    says text NOT NULL,
    by_person text NOT NULL,
    by_name text NOT NULL,
    said_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE console.comment IS 'What staff noted about a patient or a case; never changed, never removed.';
CREATE INDEX comment_by_patient ON console.comment (patient, said_at);

-- The audit ----------------------------------------------------------------------------------------------------------

CREATE TABLE console.audit (
    sequence bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    person text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'refused')),
    patient uuid,
    entry text NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL
);
COMMENT ON TABLE console.audit IS 'Every view of a patient, every act and every refusal: appended, never changed, each entry bound to the one before.';
COMMENT ON COLUMN console.audit.entry IS 'What is hashed, as JSON: the other columns repeat parts of it.';
COMMENT ON COLUMN console.audit.hash IS 'SHA-256 of previous_hash and entry; the first previous_hash is 32 zero bytes.';
CREATE INDEX audit_by_patient ON console.audit (patient, sequence) WHERE patient IS NOT NULL;
CREATE INDEX audit_by_person ON console.audit (person, sequence);

CREATE FUNCTION console.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
COMMENT ON FUNCTION console.refuse_change() IS 'Keeps append-only tables so, for their owner too.';
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON console.audit
    FOR EACH STATEMENT EXECUTE FUNCTION console.refuse_change();

CREATE FUNCTION console.record_audit(who text, what text, how text, about uuid, details jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last record;
    place bigint;
    stamp timestamptz;
    written text;
BEGIN
    -- One at a time: an entry is bound to the one before it.
    PERFORM pg_advisory_xact_lock(hashtext('graftwatch-console-audit'));
    SELECT a.sequence, a.hash INTO last FROM console.audit a ORDER BY a.sequence DESC LIMIT 1;
    place := coalesce(last.sequence, 0) + 1;
    stamp := clock_timestamp();
    written := jsonb_build_object(
        'sequence', place, 'recorded_at', to_char(stamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'person', who, 'action', what, 'outcome', how, 'patient', about, 'details', details
    )::text;
    INSERT INTO console.audit (sequence, recorded_at, person, action, outcome, patient, entry, previous_hash, hash)
    VALUES (
        place, stamp, who, what, how, about, written, coalesce(last.hash, decode(repeat('00', 32), 'hex')),
        sha256(coalesce(last.hash, decode(repeat('00', 32), 'hex')) || convert_to(written, 'UTF8'))
    );
    RETURN place;
END
$$;
COMMENT ON FUNCTION console.record_audit(text, text, text, uuid, jsonb) IS 'Appends one entry to the audit: the only way to write it.';
REVOKE ALL ON FUNCTION console.record_audit(text, text, text, uuid, jsonb) FROM PUBLIC;

-- Whom a pseudonym names: only with a reason, only with an entry in the audit, both in one transaction ----------------

GRANT USAGE ON SCHEMA console TO graftwatch_ingest, graftwatch_console, graftwatch_notify, graftwatch_reader;
GRANT EXECUTE ON FUNCTION console.record_audit(text, text, text, uuid, jsonb) TO graftwatch_ingest, graftwatch_console;

CREATE FUNCTION identity.reidentify(about uuid, who text, reason text) RETURNS TABLE (site text, patient_id text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(trim(reason)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM console.record_audit(who, 'reidentify', 'done', about, jsonb_build_object('reason', reason));
    RETURN QUERY SELECT p.site, p.patient_id FROM identity.patient p WHERE p.patient = about;
END
$$;
COMMENT ON FUNCTION identity.reidentify(uuid, text, text) IS 'The hospital''s id behind a pseudonym, audited with who asked and why.';

CREATE FUNCTION identity.original_record(wanted text, who text, reason text) RETURNS TABLE (received_at timestamptz, raw bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about uuid;
BEGIN
    IF length(trim(reason)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT r.patient INTO about FROM identity.resource r WHERE r.record = wanted;
    PERFORM console.record_audit(
        who, 'read-original-record', 'done', about, jsonb_build_object('reason', reason, 'record', wanted)
    );
    RETURN QUERY
        SELECT v.received_at, v.raw FROM identity.resource_version v WHERE v.record = wanted ORDER BY v.received_at DESC;
END
$$;
COMMENT ON FUNCTION identity.original_record(text, text, text) IS 'A record as the hospital sent it, every version, audited with who asked and why.';

REVOKE ALL ON FUNCTION identity.reidentify(uuid, text, text), identity.original_record(text, text, text) FROM PUBLIC;
GRANT CREATE ON SCHEMA identity TO graftwatch_ingest;
ALTER FUNCTION identity.reidentify(uuid, text, text) OWNER TO graftwatch_ingest;
ALTER FUNCTION identity.original_record(text, text, text) OWNER TO graftwatch_ingest;
REVOKE CREATE ON SCHEMA identity FROM graftwatch_ingest;
GRANT USAGE ON SCHEMA identity TO graftwatch_console;
GRANT EXECUTE ON FUNCTION identity.reidentify(uuid, text, text), identity.original_record(text, text, text)
    TO graftwatch_console;

-- The read model of screening: one small row a patient, kept in the transaction that appends the decision --------------

CREATE TABLE console.screening (
    protocol text NOT NULL,
    patient uuid NOT NULL,
    site text NOT NULL,
    status text NOT NULL,
    says text NOT NULL,
    verdicts jsonb NOT NULL,
    missing text[] NOT NULL,
    undecided integer NOT NULL,
    open_dead_letters integer NOT NULL,
    outcome_id uuid NOT NULL,
    ordinal integer NOT NULL,
    decided_at timestamptz NOT NULL,
    status_since timestamptz NOT NULL,
    PRIMARY KEY (protocol, patient)
);
COMMENT ON TABLE console.screening IS 'The current screening decision of each patient, in the few columns that lists are made of.';
COMMENT ON COLUMN console.screening.verdicts IS 'Verdict of each criterion and of each of its parts, by id.';
COMMENT ON COLUMN console.screening.undecided IS 'Criteria that are unknown or in conflict.';
COMMENT ON COLUMN console.screening.status_since IS 'When the decision was recorded that first gave this status.';
CREATE INDEX screening_in_order ON console.screening (protocol, status, status_since DESC, patient);
CREATE INDEX screening_by_site ON console.screening (protocol, site, status_since DESC, patient);

CREATE VIEW console.screening_decision AS
SELECT o.outcome_id, o.ordinal, o.protocol, o.patient, p.site, coalesce(o.content->>'status', 'withdrawn') AS status,
    coalesce(o.content->>'says', '') AS says, coalesce(c.verdicts, '{}') AS verdicts, coalesce(c.missing, '{}') AS missing,
    coalesce(c.undecided, 0)::integer AS undecided,
    coalesce((o.content->>'open_dead_letters')::integer, 0) AS open_dead_letters, o.recorded_at
FROM eligibility.outcome o
JOIN timeline.patient p ON p.patient = o.patient
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(x->>'id', x->>'verdict') FILTER (WHERE x->>'id' IS NOT NULL) AS verdicts,
        count(DISTINCT x->>'id') FILTER (WHERE x->>'verdict' IN ('unknown', 'conflict')) AS undecided,
        array_agg(DISTINCT m ORDER BY m) FILTER (WHERE m IS NOT NULL) AS missing
    FROM jsonb_path_query(o.content, '$.criteria[*]') x
    LEFT JOIN LATERAL jsonb_array_elements_text(
        CASE WHEN jsonb_typeof(x->'missing') = 'array' THEN x->'missing' ELSE '[]' END
    ) m ON true
) c ON true
WHERE o.kind = 'screening';
COMMENT ON VIEW console.screening_decision IS 'Every screening decision in the few columns that lists are made of.';

CREATE FUNCTION console.keep_screening() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO console.screening AS s (
        protocol, patient, site, status, says, verdicts, missing, undecided, open_dead_letters, outcome_id, ordinal,
        decided_at, status_since
    )
    SELECT d.protocol, d.patient, d.site, d.status, d.says, d.verdicts, d.missing, d.undecided, d.open_dead_letters,
        d.outcome_id, d.ordinal, d.recorded_at, d.recorded_at
    FROM (
        SELECT DISTINCT ON (a.protocol, a.patient) a.outcome_id FROM appended a
        WHERE a.kind = 'screening' ORDER BY a.protocol, a.patient, a.ordinal DESC
    ) newest
    JOIN console.screening_decision d ON d.outcome_id = newest.outcome_id
    ORDER BY d.protocol, d.patient
    ON CONFLICT (protocol, patient) DO UPDATE SET
        site = excluded.site, status = excluded.status, says = excluded.says, verdicts = excluded.verdicts,
        missing = excluded.missing, undecided = excluded.undecided, open_dead_letters = excluded.open_dead_letters,
        outcome_id = excluded.outcome_id, ordinal = excluded.ordinal, decided_at = excluded.decided_at,
        status_since = CASE WHEN s.status = excluded.status THEN s.status_since ELSE excluded.status_since END
    WHERE s.ordinal < excluded.ordinal;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION console.keep_screening() IS 'Keeps console.screening with what eligibility appends.';
CREATE TRIGGER keep_screening AFTER INSERT ON eligibility.outcome REFERENCING NEW TABLE AS appended
    FOR EACH STATEMENT EXECUTE FUNCTION console.keep_screening();

INSERT INTO console.screening (
    protocol, patient, site, status, says, verdicts, missing, undecided, open_dead_letters, outcome_id, ordinal,
    decided_at, status_since
)
SELECT DISTINCT ON (protocol, patient) protocol, patient, site, status, says, verdicts, missing, undecided,
    open_dead_letters, outcome_id, ordinal, recorded_at, recorded_at
FROM console.screening_decision ORDER BY protocol, patient, ordinal DESC;

-- What the console reads of others: views only ------------------------------------------------------------------------

CREATE VIEW console.patient AS
SELECT patient, site, version, changed_at, open_dead_letters FROM timeline.patient;
CREATE VIEW console.fact AS
SELECT patient, fact_id, record, kind, occurred_at, fact, added_in, ended_in, recorded_at FROM timeline.fact;
CREATE VIEW console.outcome AS
SELECT 'eligibility' AS service, outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, timeline_version,
    protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at, published_at
FROM eligibility.outcome
UNION ALL
SELECT 'response', outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, timeline_version,
    protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at, published_at
FROM response.outcome
UNION ALL
SELECT 'safety', outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, timeline_version,
    protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at, published_at
FROM safety.outcome;
CREATE VIEW console.current_response AS
SELECT outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, timeline_version,
    protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at, published_at
FROM response.current_outcome;
CREATE VIEW console.current_safety AS
SELECT outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, timeline_version,
    protocol_version, protocol_hash, rules_version, evaluated_at, recorded_at, published_at
FROM safety.current_outcome;
CREATE VIEW console.event AS
SELECT 'eligibility' AS service, o.event_id, o.sequence, o.patient, o.outcome_id, o.type, o.event, o.created_at
FROM eligibility.outbox o
UNION ALL
SELECT 'response', o.event_id, o.sequence, o.patient, o.outcome_id, o.type, o.event, o.created_at FROM response.outbox o
UNION ALL
SELECT 'safety', o.event_id, o.sequence, o.patient, o.outcome_id, o.type, o.event, o.created_at FROM safety.outbox o;
CREATE VIEW console.acknowledgement AS
SELECT event_id, patient, by_person, by_name, acknowledged_at FROM notify.acknowledgement;

CREATE FUNCTION console.acknowledge(about uuid, told text, study text, until timestamptz, person text, name text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added integer;
BEGIN
    -- Also where notify has not decided on the event yet: it reads the same table before it escalates.
    INSERT INTO notify.acknowledgement (event_id, patient, by_person, by_name, via)
    SELECT e.event_id, e.patient, person, name, 'console' FROM console.event e
    WHERE e.patient = about AND e.type = told AND e.event->>'protocol' = study AND e.created_at <= until
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;
COMMENT ON FUNCTION console.acknowledge(uuid, text, text, timestamptz, text, text)
    IS 'Acknowledges a patient''s events of one type up to a time; how many nobody had acknowledged before.';
REVOKE ALL ON FUNCTION console.acknowledge(uuid, text, text, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION console.acknowledge(uuid, text, text, timestamptz, text, text) TO graftwatch_console;

CREATE VIEW console.evaluation AS
SELECT 'eligibility' AS service, patient, protocol, timeline_version, evaluated_at, valid_until, failure, retry_at
FROM eligibility.evaluation
UNION ALL SELECT 'response', patient, protocol, timeline_version, evaluated_at, valid_until, failure, retry_at FROM response.evaluation
UNION ALL SELECT 'safety', patient, protocol, timeline_version, evaluated_at, valid_until, failure, retry_at FROM safety.evaluation;
CREATE VIEW console.feed_count AS SELECT site, topic, outcome, reason, resources FROM timeline.feed_count;
CREATE VIEW console.site_intake AS
SELECT site, recent, paused_at, paused_because, held FROM timeline.site_intake;
CREATE VIEW console.unmapped_code AS
SELECT site, resource_type, system, code, resources, first_seen_at, last_seen_at FROM timeline.unmapped_code;
CREATE VIEW console.conformance_issue AS
SELECT site, resource_type, profile, path, issue, resources FROM timeline.conformance_issue;
CREATE VIEW console.dead_letter AS
SELECT dead_letter, site, topic, partition, feed_offset, entry, patient, reason, path, says, attempts, status,
    published_at, first_failed_at, last_failed_at, closed_at, closed_by, closed_because
FROM identity.dead_letter;
COMMENT ON VIEW console.dead_letter IS 'Dead letters without anything of their content.';
CREATE VIEW console.protocol AS SELECT protocol, hash, version, content, in_force_since FROM protocol.protocol;

CREATE INDEX outbox_by_type ON eligibility.outbox (type, created_at DESC);
CREATE INDEX outbox_by_type ON response.outbox (type, created_at DESC);
CREATE INDEX outbox_by_type ON safety.outbox (type, created_at DESC);
CREATE INDEX outcome_of_kind ON safety.outcome (protocol, kind, patient, subject, ordinal DESC)
    WHERE kind IN ('adverse-event', 'clock', 'rejection');

GRANT SELECT, INSERT, UPDATE, DELETE ON console.session, console.login TO graftwatch_console;
GRANT SELECT, INSERT, DELETE ON console.used_form TO graftwatch_console;
GRANT SELECT, INSERT ON console.act, console.assignment, console.comment TO graftwatch_console;
GRANT UPDATE (published_at) ON console.act TO graftwatch_console;
GRANT SELECT ON console.audit, console.screening TO graftwatch_console;
GRANT SELECT ON console.audit TO graftwatch_reader;
GRANT SELECT ON console.screening_decision, console.patient, console.fact, console.outcome, console.current_response,
    console.current_safety, console.event, console.evaluation, console.feed_count, console.site_intake,
    console.unmapped_code, console.conformance_issue, console.dead_letter, console.protocol, console.acknowledgement
    TO graftwatch_console;
GRANT SELECT ON console.assignment TO graftwatch_notify;
GRANT SELECT ON console.audit TO graftwatch_reader;

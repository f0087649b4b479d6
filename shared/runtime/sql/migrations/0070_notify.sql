-- What notify writes: its decision about every event, deliveries with each attempt, escalations, acknowledgements, subscriptions.

DO $$
DECLARE
    service text;
BEGIN
    FOREACH service IN ARRAY ARRAY ['notify', 'console'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'graftwatch_' || service) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'graftwatch_' || service);
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', 'graftwatch_' || service);
    END LOOP;
END
$$;

CREATE SCHEMA notify;
COMMENT ON SCHEMA notify IS 'Who is told what, by which channel, when, whether it arrived, and who acknowledged it.';

CREATE TABLE notify.notice (
    event_id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    outcome_id uuid NOT NULL,
    patient uuid NOT NULL,
    site text NOT NULL,
    study text NOT NULL,
    kind text NOT NULL,
    urgency text NOT NULL CHECK (urgency IN ('routine', 'urgent', 'asap', 'stat')),
    event jsonb NOT NULL,
    follows uuid,
    corrects uuid,
    created_at timestamptz NOT NULL,
    decided_at timestamptz NOT NULL,
    deliveries integer NOT NULL,
    rules_hash text NOT NULL
);
COMMENT ON TABLE notify.notice IS 'One row for each event of an outbox for which it is decided who is told; an event without one is found by reconciliation.';
COMMENT ON COLUMN notify.notice.urgency IS 'FHIR request priority.';
COMMENT ON COLUMN notify.notice.follows IS 'The event told before about the same outcome.';
COMMENT ON COLUMN notify.notice.corrects IS 'The same, where that one rested on a record that has since been corrected or withdrawn.';
COMMENT ON COLUMN notify.notice.deliveries IS 'How many were decided at once; 0: this event concerns nobody. Escalations come on top.';
COMMENT ON COLUMN notify.notice.rules_hash IS 'SHA-256 of the recipients file that was in force.';
CREATE INDEX notice_by_patient ON notify.notice (patient, created_at);

CREATE TABLE notify.delivery (
    delivery_id uuid PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL REFERENCES notify.notice,
    recipient text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'fhir')),
    endpoint text NOT NULL,
    reason text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('at-once', 'digest')),
    corrects uuid,
    event_number bigint,
    decided_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    message_id uuid,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'given-up', 'superseded', 'stopped')),
    attempts integer NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    delivered_at timestamptz,
    says text
);
COMMENT ON TABLE notify.delivery IS 'One row for each recipient, channel and event, for ever: its id is uuid5 of the three.';
COMMENT ON COLUMN notify.delivery.endpoint IS 'The queue it waits in: email, webhook:<recipient> or fhir:<subscription>.';
COMMENT ON COLUMN notify.delivery.reason IS 'The rule that chose this recipient; told-before, escalation or subscription.';
COMMENT ON COLUMN notify.delivery.corrects IS 'The delivery to the same recipient that this one corrects.';
COMMENT ON COLUMN notify.delivery.event_number IS 'Of a FHIR Subscription: the number of the event in it.';
COMMENT ON COLUMN notify.delivery.due_at IS 'Not to be sent before: the end of quiet hours, the time of a digest, the next attempt.';
COMMENT ON COLUMN notify.delivery.message_id IS 'The message that carries it: its own id, or that of a digest; fixed before the first attempt.';
COMMENT ON COLUMN notify.delivery.state IS 'superseded: corrected before it was ever sent; stopped: its recipient or subscription is no more.';
COMMENT ON COLUMN notify.delivery.says IS 'Why the last attempt failed, without addresses or contents.';
CREATE INDEX delivery_due ON notify.delivery (endpoint, due_at, sequence) WHERE state = 'pending';
CREATE INDEX delivery_by_event ON notify.delivery (event_id);
CREATE UNIQUE INDEX delivery_by_number ON notify.delivery (endpoint, event_number) WHERE event_number IS NOT NULL;

CREATE TABLE notify.attempt (
    delivery_id uuid NOT NULL REFERENCES notify.delivery,
    attempt integer NOT NULL,
    message_id uuid NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('accepted', 'failed', 'interrupted')),
    says text,
    PRIMARY KEY (delivery_id, attempt)
);
COMMENT ON TABLE notify.attempt IS 'Every attempt to deliver: written before it is sent, completed when it was answered.';
COMMENT ON COLUMN notify.attempt.outcome IS 'interrupted: the process ended meanwhile, so nobody knows whether it arrived.';
CREATE INDEX attempt_open ON notify.attempt (delivery_id) WHERE outcome IS NULL;

CREATE TABLE notify.escalation (
    escalation_id uuid PRIMARY KEY,
    event_id uuid NOT NULL REFERENCES notify.notice,
    rule text NOT NULL,
    step integer NOT NULL,
    recipients text[] NOT NULL,
    channels text[] NOT NULL,
    due_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'corrected', 'escalated')),
    settled_at timestamptz
);
COMMENT ON TABLE notify.escalation IS 'Who is told besides, when nobody has acknowledged an event by then.';
CREATE INDEX escalation_due ON notify.escalation (due_at) WHERE state = 'pending';
CREATE INDEX escalation_by_event ON notify.escalation (event_id);

CREATE TABLE notify.acknowledgement (
    event_id uuid PRIMARY KEY,
    patient uuid NOT NULL,
    by_person text NOT NULL,
    by_name text NOT NULL,
    via text NOT NULL,
    note text NOT NULL DEFAULT '',
    acknowledged_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE notify.acknowledgement IS 'Events that somebody has taken notice of; the first who did counts, and ends the escalation.';
COMMENT ON COLUMN notify.acknowledgement.via IS 'Where it was acknowledged: console, command line.';

CREATE FUNCTION notify.acknowledge(of_event uuid, person text, called text, through text, says text DEFAULT '')
RETURNS TABLE (first boolean, by_person text, by_name text, acknowledged_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about uuid;
    added integer;
BEGIN
    SELECT n.patient INTO about FROM notify.notice n WHERE n.event_id = of_event;
    IF about IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO notify.acknowledgement AS a (event_id, patient, by_person, by_name, via, note)
    VALUES (of_event, about, person, called, through, says) ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN QUERY SELECT added = 1, a.by_person, a.by_name, a.acknowledged_at
        FROM notify.acknowledgement a WHERE a.event_id = of_event;
END
$$;
COMMENT ON FUNCTION notify.acknowledge(uuid, text, text, text, text) IS 'Acknowledges an event; says whether one was the first, and who was. No row: no such event.';
REVOKE ALL ON FUNCTION notify.acknowledge(uuid, text, text, text, text) FROM PUBLIC;

CREATE TABLE notify.mailbox (
    message_id uuid PRIMARY KEY,
    recipient text NOT NULL,
    address text NOT NULL,
    subject text NOT NULL,
    text_body text NOT NULL,
    html_body text NOT NULL,
    message bytea NOT NULL,
    mailed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    times integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE notify.mailbox IS 'Development only (GRAFTWATCH_MAILBOX): mails that were kept here instead of being sent.';
COMMENT ON COLUMN notify.mailbox.message IS 'The whole message as it would have been sent.';
COMMENT ON COLUMN notify.mailbox.times IS 'How often it was handed over: a repeat has the same id.';
CREATE INDEX mailbox_newest ON notify.mailbox (mailed_at DESC);

CREATE TABLE notify.subscription (
    subscription_id uuid PRIMARY KEY,
    owner text NOT NULL,
    fhir_version text NOT NULL CHECK (fhir_version IN ('R4', 'R4B', 'R5')),
    topic text NOT NULL,
    filters jsonb NOT NULL DEFAULT '[]',
    address text NOT NULL,
    headers jsonb NOT NULL DEFAULT '[]',
    content text NOT NULL CHECK (content IN ('empty', 'id-only', 'full-resource')),
    heartbeat_seconds integer,
    timeout_seconds integer,
    max_count integer NOT NULL DEFAULT 1,
    ends_at timestamptz,
    says text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested', 'active', 'error', 'off')),
    error text,
    events bigint NOT NULL DEFAULT 0,
    handshakes integer NOT NULL DEFAULT 0,
    next_handshake_at timestamptz DEFAULT now(),
    last_sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE notify.subscription IS 'FHIR Subscriptions; a deleted one stays, as off, for its record.';
COMMENT ON COLUMN notify.subscription.owner IS 'The recipient of the recipients file whose token created it.';
COMMENT ON COLUMN notify.subscription.headers IS 'Headers that the subscriber asked for: may hold a secret, never shown again.';
COMMENT ON COLUMN notify.subscription.events IS 'Events since the subscription started; counts on while in error.';
COMMENT ON COLUMN notify.subscription.next_handshake_at IS 'When to try the handshake (again); null once it succeeded.';

-- What it must find quickly in the outboxes: a patient's events, the event of an outcome, the newest.
CREATE INDEX outbox_by_patient ON eligibility.outbox (patient);
CREATE INDEX outbox_by_outcome ON eligibility.outbox (outcome_id);
CREATE INDEX outbox_by_time ON eligibility.outbox (created_at);
CREATE INDEX outbox_by_patient ON response.outbox (patient);
CREATE INDEX outbox_by_outcome ON response.outbox (outcome_id);
CREATE INDEX outbox_by_time ON response.outbox (created_at);
CREATE INDEX outbox_by_patient ON safety.outbox (patient);
CREATE INDEX outbox_by_outcome ON safety.outbox (outcome_id);
CREATE INDEX outbox_by_time ON safety.outbox (created_at);

GRANT USAGE ON SCHEMA notify, timeline, protocol, eligibility, response, safety TO graftwatch_notify;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA notify TO graftwatch_notify;
GRANT SELECT ON timeline.patient, timeline.fact TO graftwatch_notify;
GRANT SELECT ON protocol.protocol TO graftwatch_notify;
GRANT SELECT ON eligibility.outbox, response.outbox, safety.outbox TO graftwatch_notify;
GRANT SELECT ON eligibility.outcome, response.outcome, safety.outcome TO graftwatch_notify;
REVOKE UPDATE ON notify.notice, notify.acknowledgement FROM graftwatch_notify;

GRANT USAGE ON SCHEMA notify TO graftwatch_console, graftwatch_reader;
GRANT SELECT ON notify.notice, notify.delivery, notify.attempt, notify.escalation, notify.acknowledgement, notify.mailbox
    TO graftwatch_console, graftwatch_reader;
GRANT SELECT (subscription_id, owner, fhir_version, topic, filters, content, status, error, events, last_sent_at, created_at)
    ON notify.subscription TO graftwatch_console, graftwatch_reader;
GRANT EXECUTE ON FUNCTION notify.acknowledge(uuid, text, text, text, text) TO graftwatch_notify, graftwatch_console;

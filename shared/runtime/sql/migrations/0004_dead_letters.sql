-- Dead letters that can be replayed or dropped, sites that can be paused, and what the feed's quality is counted by.

ALTER TABLE identity.dead_letter
    ADD COLUMN published_at timestamptz NOT NULL,
    ADD COLUMN tombstone boolean NOT NULL DEFAULT false,
    ADD COLUMN closed_at timestamptz,
    ADD COLUMN closed_by text,
    ADD COLUMN closed_because text;
COMMENT ON COLUMN identity.dead_letter.published_at IS 'When the message was published: a replay orders versions as a clean feed would.';
COMMENT ON COLUMN identity.dead_letter.tombstone IS 'The message had no value at all (a deletion), which an empty value is not.';
COMMENT ON COLUMN identity.dead_letter.attempts IS 'How often it was read in vain: from the feed, then by each replay.';
COMMENT ON COLUMN identity.dead_letter.closed_because IS 'Of a dropped one: the reason that was stated.';
CREATE INDEX dead_letter_open ON identity.dead_letter (site, reason) WHERE status = 'open';

ALTER TABLE timeline.patient ADD COLUMN open_dead_letters integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN timeline.patient.open_dead_letters IS 'Resources of this patient that could not be read and are neither replayed nor dropped; every outcome says so.';

CREATE TABLE timeline.site_intake (
    site text PRIMARY KEY,
    recent text NOT NULL DEFAULT '',
    paused_at timestamptz,
    paused_because text,
    held bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE timeline.site_intake IS 'How readable a site''s last messages were, and whether it is paused for it.';
COMMENT ON COLUMN timeline.site_intake.recent IS 'The last messages, oldest first: . could be read, x could not.';
COMMENT ON COLUMN timeline.site_intake.held IS 'Messages in identity.held_message.';

CREATE TABLE identity.held_message (
    site text NOT NULL,
    epoch text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    feed_offset bigint NOT NULL,
    key bytea,
    headers jsonb NOT NULL,
    value bytea,
    published_at timestamptz NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (epoch, topic, partition, feed_offset)
);
COMMENT ON TABLE identity.held_message IS 'Messages of a paused site, unread, in the order of the feed; gone once the site is resumed.';
CREATE INDEX held_message_in_order ON identity.held_message (site, published_at, topic, partition, feed_offset);

CREATE TABLE timeline.unmapped_code (
    site text NOT NULL,
    resource_type text NOT NULL,
    system text NOT NULL,
    code text NOT NULL,
    resources bigint NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, resource_type, system, code)
);
COMMENT ON TABLE timeline.unmapped_code IS 'Codes that neither the table of codes nor the site''s map knows; each delivered resource counted once, no display text.';

CREATE TABLE timeline.conformance (
    site text NOT NULL,
    resource_type text NOT NULL,
    profile text NOT NULL,
    judged bigint NOT NULL,
    not_conformant bigint NOT NULL,
    unjudged bigint NOT NULL,
    PRIMARY KEY (site, resource_type, profile)
);
COMMENT ON TABLE timeline.conformance IS 'How many resources in scope were judged by fhir.resources, and how many of those did not conform.';
COMMENT ON COLUMN timeline.conformance.profile IS 'First meta.profile of what was judged; empty where none is stated, and for what was not judged.';

CREATE TABLE timeline.conformance_issue (
    site text NOT NULL,
    resource_type text NOT NULL,
    profile text NOT NULL,
    path text NOT NULL,
    issue text NOT NULL,
    resources bigint NOT NULL,
    PRIMARY KEY (site, resource_type, profile, path, issue)
);
COMMENT ON TABLE timeline.conformance_issue IS 'What did not conform, by element and kind of fault: how many judged resources have it.';

GRANT SELECT, INSERT, UPDATE ON timeline.site_intake, timeline.unmapped_code, timeline.conformance, timeline.conformance_issue
    TO graftwatch_ingest;
GRANT SELECT, INSERT, DELETE ON identity.held_message TO graftwatch_ingest;
GRANT DELETE ON timeline.feed_count TO graftwatch_ingest;
GRANT SELECT ON timeline.site_intake, timeline.unmapped_code, timeline.conformance, timeline.conformance_issue
    TO graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;

-- What a change of reader, table of codes, site file or scope asks for: reading again, trying again, filling a gap.

ALTER TABLE identity.resource ADD COLUMN unread boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN identity.resource.unread IS 'The reader of today cannot read this version, which an earlier one could: it states nothing, and a dead letter says why.';

ALTER TABLE identity.dead_letter ADD COLUMN derivation text NOT NULL DEFAULT '';
COMMENT ON COLUMN identity.dead_letter.derivation IS 'Hash of reader, table of codes, site file and scope that last tried it: where that has changed it is tried again.';

CREATE TABLE timeline.site_scope (
    site text PRIMARY KEY,
    asked text[] NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE timeline.site_scope IS 'What ingest last kept of each site: concept|system|code, drugs also concept|name.';

CREATE TABLE timeline.scope_gap (
    site text NOT NULL,
    since timestamptz NOT NULL,
    concepts text[] NOT NULL,
    codes text[] NOT NULL,
    filled_at timestamptz,
    filled_from text,
    missing_before timestamptz,
    PRIMARY KEY (site, since)
);
COMMENT ON TABLE timeline.scope_gap IS 'Codes that a site''s feed was not read for before: what came earlier was out of scope, and is not stored.';
COMMENT ON COLUMN timeline.scope_gap.since IS 'When ingest began to keep them.';
COMMENT ON COLUMN timeline.scope_gap.filled_from IS 'Where the earlier part was taken from: the feed topics, or Bulk Data.';
COMMENT ON COLUMN timeline.scope_gap.missing_before IS 'Of a gap filled from the topics: what was published before this is no longer on them; null where they go back to their beginning.';

GRANT SELECT, INSERT, UPDATE ON timeline.site_scope, timeline.scope_gap TO graftwatch_ingest;
GRANT SELECT ON timeline.site_scope, timeline.scope_gap TO graftwatch_eligibility, graftwatch_response, graftwatch_safety, graftwatch_reader;

CREATE INDEX awaited_by_record ON identity.awaited (record);

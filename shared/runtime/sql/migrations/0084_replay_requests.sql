-- Dead letters that somebody asked in the console to have read again; ingest does it, and says what came of it.

CREATE TABLE console.replay_request (
    request uuid PRIMARY KEY,
    site text NOT NULL,
    reason text,
    dead_letter uuid,
    by_person text NOT NULL,
    by_name text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    began_at timestamptz,
    done_at timestamptz,
    replayed integer,
    unread integer
);
COMMENT ON TABLE console.replay_request IS 'Dead letters to be read again: one, or all open ones of a site and reason.';
COMMENT ON COLUMN console.replay_request.reason IS 'Only those with this reason; null: with any.';
COMMENT ON COLUMN console.replay_request.dead_letter IS 'Only this one; null: all that fit.';
COMMENT ON COLUMN console.replay_request.began_at IS 'When an ingest worker took it; one that died is followed by another after ten minutes.';
COMMENT ON COLUMN console.replay_request.unread IS 'How many were still unreadable.';
CREATE INDEX replay_request_open ON console.replay_request (asked_at) WHERE done_at IS NULL;
GRANT SELECT, INSERT ON console.replay_request TO graftwatch_console;
GRANT SELECT, UPDATE (began_at, done_at, replayed, unread) ON console.replay_request TO graftwatch_ingest;

CREATE VIEW console.conformance AS
SELECT site, resource_type, profile, judged, not_conformant, unjudged FROM timeline.conformance;
GRANT SELECT ON console.conformance TO graftwatch_console;
CREATE INDEX fact_recorded ON timeline.fact USING brin (recorded_at);
CREATE INDEX dead_letter_newest ON identity.dead_letter (last_failed_at DESC, dead_letter DESC);

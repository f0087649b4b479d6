-- What watching needs: when a site last delivered, which reporting clocks run, which migrations were applied.

CREATE TABLE timeline.site_feed (
    site text PRIMARY KEY,
    last_delivered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE timeline.site_feed IS 'When each site last delivered anything, whatever became of it: a silent feed looks like a healthy one.';
COMMENT ON COLUMN timeline.site_feed.last_delivered_at IS 'To within ten seconds; redelivery and reading again do not count.';
INSERT INTO timeline.site_feed (site) SELECT DISTINCT site FROM timeline.feed_count WHERE site <> '';
GRANT SELECT, INSERT, UPDATE ON timeline.site_feed TO graftwatch_ingest;
GRANT SELECT ON timeline.site_feed TO graftwatch_reader;

-- The few outcomes that are clocks, found without reading the others.
CREATE INDEX outcome_clock ON safety.outcome (protocol, patient, subject, ordinal) WHERE kind = 'clock';

GRANT SELECT ON public.graftwatch_migration TO graftwatch_reader;

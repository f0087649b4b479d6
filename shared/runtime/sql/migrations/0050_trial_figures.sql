-- The trial's figures, kept live by the response service: one row for each protocol and day of data cut-off.

CREATE TABLE response.trial_figures (
    protocol text NOT NULL,
    cut_off_on date NOT NULL,
    contributions bigint NOT NULL,
    protocol_hash text NOT NULL,
    rules_version text NOT NULL,
    treated integer NOT NULL,
    content jsonb NOT NULL,
    computed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (protocol, cut_off_on)
);
COMMENT ON TABLE response.trial_figures IS
    'Figures and plots of a trial as they stood when last computed on that day; written by the response service alone.';
COMMENT ON COLUMN response.trial_figures.protocol IS 'Id of the protocol.';
COMMENT ON COLUMN response.trial_figures.cut_off_on IS
    'Day of data cut-off: the day of the evaluation clock (UTC). The newest row is live; earlier ones stay as they ended.';
COMMENT ON COLUMN response.trial_figures.contributions IS
    'Outcomes of kind contribution that were there: grows with each, so that an older computation never replaces a newer.';
COMMENT ON COLUMN response.trial_figures.protocol_hash IS 'Content hash of the protocol whose parameters it was computed by.';
COMMENT ON COLUMN response.trial_figures.rules_version IS 'Version of the rules it was computed by.';
COMMENT ON COLUMN response.trial_figures.treated IS 'Patients counted: everyone treated.';
COMMENT ON COLUMN response.trial_figures.content IS
    'Rates, curves and medians (figures), and each patient as the plots show him (patients); pseudonyms only.';
COMMENT ON COLUMN response.trial_figures.computed_at IS 'When it was computed (wall clock of the database).';

CREATE INDEX outcome_contribution ON response.outcome (protocol, patient, ordinal DESC) WHERE kind = 'contribution';

CREATE VIEW response.current_figures AS
SELECT DISTINCT ON (protocol) * FROM response.trial_figures ORDER BY protocol, cut_off_on DESC;
COMMENT ON VIEW response.current_figures IS 'The live figures of each protocol.';

GRANT SELECT, INSERT, UPDATE ON response.trial_figures TO graftwatch_response;
GRANT SELECT ON response.trial_figures, response.current_figures TO graftwatch_reader;

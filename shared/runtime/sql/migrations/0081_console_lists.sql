-- Lists are read in one order, newest first, in whichever status and site.

DROP INDEX console.screening_in_order;
DROP INDEX console.screening_by_site;
CREATE INDEX screening_in_order ON console.screening (protocol, status_since DESC, patient DESC);
CREATE INDEX screening_by_status ON console.screening (protocol, status, status_since DESC, patient DESC);

COMMENT ON VIEW console.patient IS 'Every pseudonym with its site and timeline version.';
COMMENT ON VIEW console.fact IS 'Every fact ever recorded, ended ones included: to replay the past by version.';
COMMENT ON VIEW console.outcome IS 'Every outcome ever decided by any service.';
COMMENT ON VIEW console.current_response IS 'Current outcomes of response.';
COMMENT ON VIEW console.current_safety IS 'Current outcomes of safety.';
COMMENT ON VIEW console.event IS 'Every event of every outbox.';
COMMENT ON VIEW console.acknowledgement IS 'Who took notice of which event first.';
COMMENT ON VIEW console.evaluation IS 'What each service last evaluated, and what failed.';
COMMENT ON VIEW console.feed_count IS 'What became of every delivered resource.';
COMMENT ON VIEW console.site_intake IS 'How readable a site''s messages are, and whether it is paused.';
COMMENT ON VIEW console.unmapped_code IS 'Codes that nobody knows.';
COMMENT ON VIEW console.conformance_issue IS 'What did not conform to FHIR.';
COMMENT ON VIEW console.protocol IS 'Every protocol version that was ever in force.';

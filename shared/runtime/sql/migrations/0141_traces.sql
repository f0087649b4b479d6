-- Where traces are on, the trace of an event goes on with it; nothing depends on it.

ALTER TABLE eligibility.outbox ADD COLUMN traceparent text;
ALTER TABLE response.outbox ADD COLUMN traceparent text;
ALTER TABLE safety.outbox ADD COLUMN traceparent text;
ALTER TABLE notify.notice ADD COLUMN traceparent text;
COMMENT ON COLUMN eligibility.outbox.traceparent IS 'The trace that the event belongs to (W3C), where traces are on: random numbers, no identifier.';
COMMENT ON COLUMN response.outbox.traceparent IS 'The trace that the event belongs to (W3C), where traces are on: random numbers, no identifier.';
COMMENT ON COLUMN safety.outbox.traceparent IS 'The trace that the event belongs to (W3C), where traces are on: random numbers, no identifier.';
COMMENT ON COLUMN notify.notice.traceparent IS 'The trace that its deliveries go on in (W3C), where traces are on: random numbers, no identifier.';

-- phase: post
-- The release before read the tables of notify from the console; this one reads a view, so that right ends.

REVOKE SELECT ON ALL TABLES IN SCHEMA notify FROM graftwatch_console;
REVOKE SELECT (subscription_id, owner, fhir_version, topic, filters, content, status, error, events, last_sent_at, created_at,
    asked_at)
    ON notify.subscription FROM graftwatch_console;
REVOKE EXECUTE ON FUNCTION notify.acknowledge(uuid, text, text, text, text) FROM graftwatch_console;
REVOKE USAGE ON SCHEMA notify FROM graftwatch_console;

-- Timelines of merged patients for notify, and the one thing of identity that it may have: a patient id, still sealed.

GRANT SELECT ON timeline.known_fact, timeline.merge TO graftwatch_notify;

CREATE FUNCTION notify.sealed_patient(about uuid) RETURNS TABLE (site text, patient_id bytea)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.site, p.patient_id FROM identity.patient p WHERE p.patient = about
$$;
COMMENT ON FUNCTION notify.sealed_patient(uuid) IS 'The hospital''s patient id as it is kept, sealed: of no use without the key of the crosswalk.';
REVOKE ALL ON FUNCTION notify.sealed_patient(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notify.sealed_patient(uuid) TO graftwatch_notify;

CREATE INDEX delivery_of_digest ON notify.delivery (message_id) WHERE mode = 'digest';

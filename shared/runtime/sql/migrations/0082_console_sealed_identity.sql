-- What names a person is sealed: the functions hand out sealed bytes, which whoever was given the key of the crosswalk can open.

DROP FUNCTION identity.reidentify(uuid, text, text);
DROP FUNCTION identity.original_record(text, text, text);

CREATE FUNCTION identity.reidentify(about uuid, who text, reason text) RETURNS TABLE (site text, patient_id bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(trim(reason)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM console.record_audit(who, 'reidentify', 'done', about, jsonb_build_object('reason', reason));
    RETURN QUERY SELECT p.site, p.patient_id FROM identity.patient p WHERE p.patient = about;
END
$$;
COMMENT ON FUNCTION identity.reidentify(uuid, text, text) IS 'The hospital''s id behind a pseudonym, sealed; audited with who asked and why.';

CREATE FUNCTION identity.original_record(wanted text, who text, reason text)
RETURNS TABLE (received_at timestamptz, content_sha256 bytea, raw bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about uuid;
BEGIN
    IF length(trim(reason)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT r.patient INTO about FROM identity.resource r WHERE r.record = wanted;
    PERFORM console.record_audit(
        who, 'read-original-record', 'done', about, jsonb_build_object('reason', reason, 'record', wanted)
    );
    RETURN QUERY SELECT v.received_at, v.content_sha256, v.raw FROM identity.resource_version v
        WHERE v.record = wanted ORDER BY v.received_at DESC;
END
$$;
COMMENT ON FUNCTION identity.original_record(text, text, text) IS 'A record as the hospital sent it, every version, sealed; audited with who asked and why.';

REVOKE ALL ON FUNCTION identity.reidentify(uuid, text, text), identity.original_record(text, text, text) FROM PUBLIC;
GRANT CREATE ON SCHEMA identity TO graftwatch_ingest;
ALTER FUNCTION identity.reidentify(uuid, text, text) OWNER TO graftwatch_ingest;
ALTER FUNCTION identity.original_record(text, text, text) OWNER TO graftwatch_ingest;
REVOKE CREATE ON SCHEMA identity FROM graftwatch_ingest;
GRANT EXECUTE ON FUNCTION identity.reidentify(uuid, text, text), identity.original_record(text, text, text)
    TO graftwatch_console;

-- What Today and Safety look up of everybody: who was enrolled, who was not tested in time.
CREATE INDEX fact_attested ON timeline.fact (patient) WHERE kind = 'attestation' AND ended_in IS NULL;
DROP INDEX safety.outcome_of_kind;
CREATE INDEX outcome_of_kind ON safety.outcome (protocol, kind, patient, subject, ordinal DESC)
    WHERE kind IN ('adverse-event', 'clock', 'rejection', 'surveillance');

-- Erasing a person, purging who never was a candidate, and retention: through functions that write the audit, by the steward alone.

CREATE TABLE operation.removal (
    removal uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('erase', 'purge', 'retention')),
    by_person text NOT NULL,
    reason text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    patients integer NOT NULL,
    removed jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE operation.removal IS 'What was removed when, by whom and why, in numbers: no identifier, no pseudonym.';
COMMENT ON COLUMN operation.removal.finished_at IS 'Null: interrupted, and to be resumed.';
COMMENT ON COLUMN operation.removal.removed IS 'Rows removed, by table.';

CREATE TABLE operation.former_patient (
    patient uuid PRIMARY KEY,
    removal uuid NOT NULL REFERENCES operation.removal,
    version bigint NOT NULL,
    refused boolean NOT NULL,
    removed_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz
);
COMMENT ON TABLE operation.former_patient IS 'Pseudonyms of whom nothing is kept any more: the tombstone by which a redelivery is recognised.';
COMMENT ON COLUMN operation.former_patient.version IS 'The last version of the timeline: a later one of the same patient counts on from it.';
COMMENT ON COLUMN operation.former_patient.refused IS 'Erased: what the feed brings of this patient is left out. False: purged, and may come back.';
COMMENT ON COLUMN operation.former_patient.lifted_at IS 'Since when an erased patient may come back.';
CREATE INDEX former_patient_refused ON operation.former_patient (patient) WHERE refused AND lifted_at IS NULL;

CREATE TABLE operation.former_identifier (
    identifier text NOT NULL,
    patient uuid NOT NULL REFERENCES operation.former_patient,
    PRIMARY KEY (identifier, patient)
);
COMMENT ON TABLE operation.former_identifier IS 'Keyed hashes of the identifiers that erased patients stated: a record that names its subject so is left out too.';

ALTER TABLE timeline.patient ADD COLUMN began_in bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN timeline.patient.began_in IS 'The version that this timeline began in: above 0 where an earlier one of the same patient was removed.';

CREATE FUNCTION operation.of_patients() RETURNS TABLE (relation text, condition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM (VALUES
        ('notify.attempt', 'delivery_id IN (SELECT d.delivery_id FROM notify.delivery d JOIN notify.notice n USING (event_id) WHERE n.patient = ANY($1))'),
        ('notify.mailbox', 'message_id IN (SELECT d.message_id FROM notify.delivery d JOIN notify.notice n USING (event_id) WHERE n.patient = ANY($1))'),
        ('notify.delivery', 'event_id IN (SELECT n.event_id FROM notify.notice n WHERE n.patient = ANY($1))'),
        ('notify.escalation', 'event_id IN (SELECT n.event_id FROM notify.notice n WHERE n.patient = ANY($1))'),
        ('notify.acknowledgement', 'patient = ANY($1)'),
        ('notify.notice', 'patient = ANY($1)'),
        ('console.replay_request', 'dead_letter IN (SELECT l.dead_letter FROM identity.dead_letter l WHERE l.patient = ANY($1))'),
        ('console.comment', 'patient = ANY($1)'),
        ('console.assignment', 'patient = ANY($1)'),
        ('console.act', 'patient = ANY($1)'),
        ('console.screening', 'patient = ANY($1)'),
        ('eligibility.evaluation', 'patient = ANY($1)'),
        ('eligibility.outbox', 'patient = ANY($1)'),
        ('eligibility.outcome', 'patient = ANY($1)'),
        ('response.evaluation', 'patient = ANY($1)'),
        ('response.outbox', 'patient = ANY($1)'),
        ('response.outcome', 'patient = ANY($1)'),
        ('safety.evaluation', 'patient = ANY($1)'),
        ('safety.outbox', 'patient = ANY($1)'),
        ('safety.outcome', 'patient = ANY($1)'),
        ('identity.awaited', 'record IN (SELECT r.record FROM identity.resource r WHERE r.patient = ANY($1))'),
        ('identity.identifier_change', 'identifier IN (SELECT i.identifier FROM identity.patient_identifier i WHERE i.patient = ANY($1))'),
        ('identity.subject_identifier', 'record IN (SELECT r.record FROM identity.resource r WHERE r.patient = ANY($1))'
            ' OR identifier IN (SELECT i.identifier FROM identity.patient_identifier i WHERE i.patient = ANY($1))'),
        ('identity.patient_identifier', 'patient = ANY($1)'),
        ('identity.dead_letter', 'patient = ANY($1) OR record IN (SELECT r.record FROM identity.resource r WHERE r.patient = ANY($1))'),
        ('identity.resource_version', 'record IN (SELECT r.record FROM identity.resource r WHERE r.patient = ANY($1))'),
        ('identity.resource', 'patient = ANY($1)'),
        ('timeline.fact', 'patient = ANY($1)'),
        ('timeline.merge', 'patient = ANY($1) OR survivor = ANY($1)'),
        ('timeline.patient', 'patient = ANY($1)'),
        ('identity.patient', 'patient = ANY($1)')
    ) AS t (relation, condition)
$$;
COMMENT ON FUNCTION operation.of_patients() IS 'THE table of where something of a patient is kept, in the order in which it is removed.';

CREATE FUNCTION operation.count_rows(about uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    n bigint;
    counted jsonb := '{}';
BEGIN
    FOR place IN SELECT * FROM operation.of_patients() LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE %s', place.relation, place.condition) INTO n USING about;
        IF n > 0 THEN
            counted := counted || jsonb_build_object(place.relation, n);
        END IF;
    END LOOP;
    RETURN counted;
END
$$;
COMMENT ON FUNCTION operation.count_rows(uuid[]) IS 'How many rows each table holds of these patients.';

CREATE FUNCTION operation.person(one uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE pairs AS (
        SELECT patient, survivor FROM timeline.merge WHERE unmerged_in IS NULL
        UNION SELECT patient, merged_into FROM timeline.patient WHERE merged_into IS NOT NULL
    ), together AS (
        SELECT one AS patient
        UNION
        SELECT CASE WHEN p.patient = t.patient THEN p.survivor ELSE p.patient END
        FROM together t JOIN pairs p ON t.patient IN (p.patient, p.survivor)
    )
    SELECT array_agg(patient ORDER BY patient) FROM together
$$;
COMMENT ON FUNCTION operation.person(uuid) IS 'Every pseudonym of one person: whoever is merged with this one now, in a chain, too.';

CREATE FUNCTION operation.remove_rows(about uuid[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    n bigint;
    removed jsonb := '{}';
BEGIN
    -- The locks of whoever writes of these patients, in the order in which each takes them: it ends first, or waits and finds nothing.
    PERFORM FROM timeline.patient p WHERE p.patient = ANY(about) ORDER BY p.patient FOR UPDATE;
    PERFORM pg_advisory_xact_lock(hashtextextended('graftwatch-notify-' || a.patient, 0))
        FROM (SELECT unnest(about) AS patient ORDER BY 1) a;
    PERFORM FROM eligibility.evaluation e WHERE e.patient = ANY(about) ORDER BY e.patient, e.protocol FOR UPDATE;
    PERFORM FROM response.evaluation e WHERE e.patient = ANY(about) ORDER BY e.patient, e.protocol FOR UPDATE;
    PERFORM FROM safety.evaluation e WHERE e.patient = ANY(about) ORDER BY e.patient, e.protocol FOR UPDATE;
    UPDATE operation.former_patient f SET version = greatest(f.version, p.version)
        FROM timeline.patient p WHERE p.patient = f.patient AND p.patient = ANY(about);
    FOR place IN SELECT * FROM operation.of_patients() LOOP
        EXECUTE format('DELETE FROM %s WHERE %s', place.relation, place.condition) USING about;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n > 0 THEN
            removed := removed || jsonb_build_object(place.relation, n);
        END IF;
    END LOOP;
    -- Figures of earlier days keep their numbers; who is drawn in them goes. The live ones are computed anew.
    UPDATE response.trial_figures f SET contributions = 0, content = jsonb_set(f.content, '{patients}', (
        SELECT coalesce(jsonb_agg(x), '[]') FROM jsonb_array_elements(f.content -> 'patients') x
        WHERE NOT (x ->> 'patient')::uuid = ANY(about)
    ))
    WHERE jsonb_typeof(f.content -> 'patients') = 'array' AND EXISTS (
        SELECT FROM jsonb_array_elements(f.content -> 'patients') x WHERE (x ->> 'patient')::uuid = ANY(about)
    );
    RETURN removed;
END
$$;
COMMENT ON FUNCTION operation.remove_rows(uuid[]) IS 'Removes every row of these patients; how many of which table.';

CREATE FUNCTION operation.begin_erasure(one uuid, who text, why text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    everyone uuid[] := operation.person(one);
    made uuid := gen_random_uuid();
BEGIN
    IF length(trim(why)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO operation.removal (removal, kind, by_person, reason, patients)
    VALUES (made, 'erase', who, why, cardinality(everyone));
    INSERT INTO operation.former_patient AS f (patient, removal, version, refused)
    SELECT a.patient, made, coalesce(p.version, 0), true
    FROM unnest(everyone) AS a (patient) LEFT JOIN timeline.patient p USING (patient) ORDER BY 1
    ON CONFLICT (patient) DO UPDATE SET
        removal = excluded.removal, version = greatest(f.version, excluded.version), refused = true, removed_at = now(), lifted_at = NULL;
    INSERT INTO operation.former_identifier (identifier, patient)
    SELECT i.identifier, i.patient FROM identity.patient_identifier i WHERE i.patient = ANY(everyone)
    ON CONFLICT DO NOTHING;
    RETURN made;
END
$$;
COMMENT ON FUNCTION operation.begin_erasure(uuid, text, text) IS 'From its commit on nothing more of this person is taken in; what is there goes by finish_erasure.';

CREATE FUNCTION operation.finish_erasure(made uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about operation.removal;
    everyone uuid[];
    gone jsonb;
BEGIN
    SELECT * INTO STRICT about FROM operation.removal r WHERE r.removal = made FOR UPDATE;
    IF about.finished_at IS NOT NULL THEN
        RETURN about.removed;
    END IF;
    SELECT array_agg(f.patient) INTO everyone FROM operation.former_patient f WHERE f.removal = made;
    gone := operation.remove_rows(coalesce(everyone, '{}'));
    UPDATE operation.removal SET finished_at = now(), removed = gone WHERE removal = made;
    PERFORM console.record_audit(about.by_person, 'erase', 'done', NULL, jsonb_build_object(
        'removal', made, 'reason', about.reason, 'patients', about.patients, 'removed', gone));
    RETURN gone;
END
$$;
COMMENT ON FUNCTION operation.finish_erasure(uuid) IS 'Removes every row of an erased person and writes the audit, in one transaction; again it changes nothing.';

CREATE FUNCTION operation.unfinished() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT removal FROM operation.removal WHERE kind = 'erase' AND finished_at IS NULL ORDER BY began_at, removal
$$;
COMMENT ON FUNCTION operation.unfinished() IS 'Erasures that were interrupted.';

CREATE FUNCTION operation.lift_erasure(one uuid, who text, why text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lifted integer;
    whole uuid;
BEGIN
    IF length(trim(why)) < 10 THEN
        RAISE EXCEPTION 'a reason of at least ten characters is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT f.removal INTO whole FROM operation.former_patient f WHERE f.patient = one AND f.refused AND f.lifted_at IS NULL;
    DELETE FROM operation.former_identifier i USING operation.former_patient f WHERE f.patient = i.patient AND f.removal = whole;
    UPDATE operation.former_patient SET lifted_at = now() WHERE removal = whole AND refused AND lifted_at IS NULL;
    GET DIAGNOSTICS lifted = ROW_COUNT;
    IF lifted > 0 THEN
        PERFORM console.record_audit(who, 'lift-erasure', 'done', NULL,
            jsonb_build_object('removal', whole, 'reason', why, 'patients', lifted));
    END IF;
    RETURN lifted;
END
$$;
COMMENT ON FUNCTION operation.lift_erasure(uuid, text, text) IS 'Lets an erased person come back with what the feed brings from now on; how many pseudonyms that concerns.';

CREATE FUNCTION operation.erasable(one uuid) RETURNS TABLE (patients integer, counted jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT cardinality(p.everyone), operation.count_rows(p.everyone) FROM (SELECT operation.person(one) AS everyone) p
$$;
COMMENT ON FUNCTION operation.erasable(uuid) IS 'What an erasure would remove.';

CREATE FUNCTION operation.never_candidates(days integer, most integer) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(patient), '{}') FROM (
        SELECT p.patient FROM timeline.patient p
        WHERE p.changed_at < now() - make_interval(days => days) AND p.merged_into IS NULL AND NOT p.has_merges
            AND p.open_dead_letters = 0
            AND EXISTS (SELECT FROM eligibility.outcome o WHERE o.patient = p.patient AND o.kind = 'screening')
            AND NOT EXISTS (SELECT FROM eligibility.outcome o WHERE o.patient = p.patient AND o.kind = 'screening'
                AND NOT o.withdrawn AND o.content ->> 'status' IS DISTINCT FROM 'not_candidate')
            -- With a diagnosis, a procedure, a lesion of the trial one may become a candidate yet: only whose record has none goes.
            AND NOT EXISTS (SELECT FROM timeline.fact f WHERE f.patient = p.patient AND f.kind NOT IN ('demographics',
                'vital-status', 'laboratory', 'drug-exposure', 'encounter', 'specimen', 'body-site', 'scale-score'))
            AND NOT EXISTS (SELECT FROM eligibility.evaluation e WHERE e.patient = p.patient
                AND (e.timeline_version < p.version OR e.failure IS NOT NULL))
            AND NOT EXISTS (SELECT FROM response.outcome o WHERE o.patient = p.patient AND NOT o.withdrawn)
            AND NOT EXISTS (SELECT FROM safety.outcome o WHERE o.patient = p.patient AND NOT o.withdrawn)
            AND NOT EXISTS (SELECT FROM console.act a WHERE a.patient = p.patient)
            AND NOT EXISTS (SELECT FROM console.comment c WHERE c.patient = p.patient)
            AND NOT EXISTS (SELECT FROM console.assignment a WHERE a.patient = p.patient)
            AND NOT EXISTS (SELECT FROM notify.delivery d JOIN notify.notice n USING (event_id) WHERE n.patient = p.patient)
        ORDER BY p.patient LIMIT most
    ) found
$$;
COMMENT ON FUNCTION operation.never_candidates(integer, integer) IS 'Patients of whom nothing has changed for so long, who never were a candidate of any protocol nor have a diagnosis, procedure or lesion that it asks for, and whom nobody ever spoke of.';

CREATE FUNCTION operation.purgeable(days integer) RETURNS TABLE (patients integer, counted jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT cardinality(f.found), operation.count_rows(f.found) FROM (SELECT operation.never_candidates(days, NULL) AS found) f
$$;
COMMENT ON FUNCTION operation.purgeable(integer) IS 'What a purge would remove.';

CREATE FUNCTION operation.purge(days integer, most integer, who text) RETURNS TABLE (patients integer, removed jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made uuid := gen_random_uuid();
    why text := format('never a candidate, unchanged for %s days', days);
    everyone uuid[];
    gone jsonb;
BEGIN
    IF days < 1 THEN
        RAISE EXCEPTION 'at least one day is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    everyone := operation.never_candidates(days, most);
    PERFORM FROM timeline.patient p WHERE p.patient = ANY(everyone) ORDER BY p.patient FOR UPDATE;
    -- What came in meanwhile counts: asked again, under the locks.
    SELECT array_agg(e.patient) INTO everyone FROM unnest(everyone) AS e (patient)
        WHERE e.patient = ANY(operation.never_candidates(days, NULL));
    IF everyone IS NULL THEN
        RETURN QUERY SELECT 0, '{}'::jsonb;
        RETURN;
    END IF;
    INSERT INTO operation.removal (removal, kind, by_person, reason, patients, finished_at)
    VALUES (made, 'purge', who, why, cardinality(everyone), now());
    INSERT INTO operation.former_patient AS f (patient, removal, version, refused)
    SELECT p.patient, made, p.version, false FROM timeline.patient p WHERE p.patient = ANY(everyone)
    ON CONFLICT (patient) DO UPDATE SET
        removal = excluded.removal, version = excluded.version, refused = false, removed_at = now(), lifted_at = NULL;
    gone := operation.remove_rows(everyone);
    UPDATE operation.removal r SET removed = gone WHERE r.removal = made;
    PERFORM console.record_audit(who, 'purge', 'done', NULL, jsonb_build_object(
        'removal', made, 'reason', why, 'patients', cardinality(everyone), 'removed', gone));
    RETURN QUERY SELECT cardinality(everyone), gone;
END
$$;
COMMENT ON FUNCTION operation.purge(integer, integer, text) IS 'Removes at most so many never-candidates and writes the audit, in one transaction; call it until it removes none.';

CREATE FUNCTION operation.returned() RETURNS TABLE (patient uuid, site text, purged_at timestamptz, returned_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.patient, p.site, f.removed_at, p.changed_at
    FROM operation.former_patient f JOIN timeline.patient p USING (patient) WHERE NOT f.refused ORDER BY p.site, f.patient
$$;
COMMENT ON FUNCTION operation.returned() IS 'Purged patients of whom something has come since: what came before is missing, until the site sends it again.';

CREATE FUNCTION operation.of_time() RETURNS TABLE (class text, relation text, condition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM (VALUES
        ('superseded-versions', 'identity.resource_version', 'received_at < $1 AND NOT EXISTS (SELECT FROM identity.resource r'
            ' WHERE r.record = t.record AND r.content_sha256 = t.content_sha256)'),
        ('closed-dead-letters', 'identity.dead_letter', 'status <> ''open'' AND closed_at < $1'),
        ('delivery-attempts', 'notify.attempt', 'ended_at < $1 AND EXISTS (SELECT FROM notify.delivery d'
            ' WHERE d.delivery_id = t.delivery_id AND d.state <> ''pending'')'),
        ('mailbox', 'notify.mailbox', 'mailed_at < $1'),
        ('sessions', 'console.session', 'ends_at < $1'),
        ('sessions', 'console.login', 'began_at < $1'),
        ('sessions', 'console.used_form', 'used_at < $1'),
        ('replay-requests', 'console.replay_request', 'done_at < $1'),
        ('unmapped-codes', 'timeline.unmapped_code', 'last_seen_at < $1')
    ) AS t (class, relation, condition)
$$;
COMMENT ON FUNCTION operation.of_time() IS 'THE table of what may be kept for a time only: by class. What is not in it stays as long as its patient.';

CREATE FUNCTION operation.outlived(of_class text, days integer) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    n bigint;
    total bigint := 0;
BEGIN
    FOR place IN SELECT * FROM operation.of_time() o WHERE o.class = of_class LOOP
        EXECUTE format('SELECT count(*) FROM %s t WHERE %s', place.relation, place.condition)
            INTO n USING now() - make_interval(days => days);
        total := total + n;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION operation.outlived(text, integer) IS 'How many rows of a class are older than so many days.';

CREATE FUNCTION operation.retain(of_class text, days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    n bigint;
    total bigint := 0;
BEGIN
    IF days < 1 THEN
        RAISE EXCEPTION 'at least one day is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR place IN SELECT * FROM operation.of_time() o WHERE o.class = of_class LOOP
        EXECUTE format('DELETE FROM %1$s WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM %1$s t WHERE %2$s LIMIT $2))',
            place.relation, place.condition) USING now() - make_interval(days => days), most;
        GET DIAGNOSTICS n = ROW_COUNT;
        total := total + n;
    END LOOP;
    RETURN total;
END
$$;
COMMENT ON FUNCTION operation.retain(text, integer, integer) IS 'Removes at most so many rows of each table of a class that are older than so many days; call it until it removes none.';

CREATE FUNCTION operation.retained(who text, counted jsonb, days jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO operation.removal (removal, kind, by_person, reason, patients, finished_at, removed)
    VALUES (gen_random_uuid(), 'retention', who, 'retention', 0, now(), counted);
    PERFORM console.record_audit(who, 'retention', 'done', NULL, jsonb_build_object('removed', counted, 'days', days));
END
$$;
COMMENT ON FUNCTION operation.retained(text, jsonb, jsonb) IS 'Writes the audit of a run of retention.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA operation FROM PUBLIC;
GRANT SELECT ON operation.former_patient, operation.former_identifier TO graftwatch_ingest;
GRANT SELECT ON operation.removal TO graftwatch_steward, graftwatch_reader;
GRANT EXECUTE ON FUNCTION operation.begin_erasure(uuid, text, text), operation.finish_erasure(uuid), operation.unfinished(),
    operation.lift_erasure(uuid, text, text), operation.erasable(uuid), operation.purgeable(integer),
    operation.purge(integer, integer, text), operation.returned(), operation.of_time(), operation.outlived(text, integer),
    operation.retain(text, integer, integer), operation.retained(text, jsonb, jsonb) TO graftwatch_steward;

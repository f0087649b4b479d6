-- What a deciding service reads and writes in its own schema.

-- name: begin_evaluations
-- In key order, so that two workers never wait for each other in a circle; asked before any row is locked.
-- Nobody's is begun who has no timeline: a late hint of an erased patient leaves nothing.
INSERT INTO {schema}.evaluation (patient, protocol)
SELECT p.patient, q.protocol FROM unnest($1::uuid[]) AS p (patient) CROSS JOIN unnest($2::text[]) AS q (protocol)
WHERE EXISTS (SELECT FROM timeline.patient t WHERE t.patient = p.patient)
ORDER BY p.patient, q.protocol
ON CONFLICT DO NOTHING

-- name: lock_evaluations
-- In key order, as above; the time of the transaction; and what tells this server from another: since when it runs, when its
-- statistics were reset (a crash does), which table the facts are in (a restored dump makes another).
SELECT patient, protocol, timeline_version, protocol_hash, rules_version, evaluated_at, valid_until, failure, now() AS now,
    concat_ws(' ', pg_postmaster_start_time(), pg_stat_get_bgwriter_stat_reset_time(), 'timeline.fact'::regclass::oid) AS server
FROM {schema}.evaluation WHERE patient = ANY($1::uuid[]) ORDER BY patient, protocol FOR UPDATE

-- name: finish_evaluations
-- Everything that a batch decided, in one statement: outcomes, their events, and what was evaluated.
WITH outcomes AS (
    INSERT INTO {schema}.outcome (
        outcome_id, patient, protocol, kind, subject, ordinal, supersedes, withdrawn, content, evidence, content_hash,
        timeline_version, protocol_version, protocol_hash, rules_version, evaluated_at, published_at
    )
    SELECT * FROM unnest(
        $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::uuid[], $8::boolean[],
        $9::jsonb[], $10::jsonb[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[],
        $16::timestamptz[], $17::timestamptz[]
    )
    ON CONFLICT (outcome_id) DO NOTHING
), events AS (
    INSERT INTO {schema}.outbox (event_id, patient, outcome_id, topic, type, event, traceparent)
    SELECT * FROM unnest($18::uuid[], $19::uuid[], $20::uuid[], $21::text[], $22::text[], $23::jsonb[], $24::text[])
    ON CONFLICT (event_id) DO NOTHING
)
UPDATE {schema}.evaluation e
SET timeline_version = d.timeline_version, protocol_hash = d.protocol_hash, rules_version = d.rules_version,
    evaluated_at = d.evaluated_at, valid_until = d.valid_until, failure = d.failure,
    retry_at = CASE WHEN d.failure IS NULL THEN NULL ELSE now() + interval '1 minute' END
FROM unnest(
    $25::uuid[], $26::text[], $27::bigint[], $28::text[], $29::text[], $30::timestamptz[], $31::timestamptz[],
    $32::text[]
) AS d (patient, protocol, timeline_version, protocol_hash, rules_version, evaluated_at, valid_until, failure)
WHERE e.patient = d.patient AND e.protocol = d.protocol

-- name: set_aside
-- Whose outcomes could not be stored at the newest version; tried again after a while, or at once when the timeline changes.
INSERT INTO {schema}.evaluation AS e (patient, protocol, protocol_hash, rules_version, timeline_version, failure, retry_at)
SELECT p.patient, d.protocol, d.hash, $4, p.version, $5, now() + interval '1 minute'
FROM timeline.patient p CROSS JOIN unnest($2::text[], $3::text[]) AS d (protocol, hash)
WHERE p.patient = $1
ON CONFLICT (patient, protocol) DO UPDATE SET
    protocol_hash = excluded.protocol_hash, rules_version = excluded.rules_version,
    timeline_version = excluded.timeline_version, failure = excluded.failure, retry_at = excluded.retry_at

-- name: current_outcomes
SELECT DISTINCT ON (patient, protocol, kind, subject)
    patient, protocol, kind, subject, outcome_id, ordinal, withdrawn, content, evidence, content_hash
FROM {schema}.outcome WHERE patient = ANY($1::uuid[])
ORDER BY patient, protocol, kind, subject, ordinal DESC

-- name: stood
-- The outcomes that stand of these patients, and those that stood until a merge closed them.
SELECT o.patient, o.protocol, o.kind, o.subject, o.content, o.evidence
FROM {schema}.current_outcome c
JOIN {schema}.outcome o USING (patient, protocol, kind, subject)
WHERE c.patient = ANY($1::uuid[]) AND c.kind <> 'merged' AND (NOT c.withdrawn OR c.content ? 'merged_into')
  AND o.ordinal = CASE WHEN c.withdrawn THEN c.ordinal - 1 ELSE c.ordinal END

-- name: append_events
INSERT INTO {schema}.outbox (event_id, patient, outcome_id, topic, type, event, traceparent)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::text[])
ON CONFLICT (event_id) DO NOTHING

-- name: recent
-- Whom something recent leaves behind: a timeline changed in the last minutes, an outcome expired, a failure to be tried
-- again. Three indexes find them, however many patients there are; whom they cannot show (another protocol, other rules,
-- a change whose commit took long) the sweep finds. Longest waiting first.
SELECT patient FROM (
    (
        SELECT p.patient, p.changed_at AS since
        FROM timeline.patient p
        CROSS JOIN unnest($1::text[]) AS protocol (id)
        LEFT JOIN {schema}.evaluation e ON e.patient = p.patient AND e.protocol = protocol.id
        WHERE p.changed_at < now() - $3::interval AND p.changed_at >= now() - $3::interval - $4::interval
          AND (e.patient IS NULL OR e.timeline_version < p.version)
        ORDER BY p.changed_at LIMIT $5
    )
    UNION ALL
    (
        SELECT e.patient, e.valid_until
        FROM {schema}.evaluation e JOIN timeline.patient p USING (patient)
        WHERE e.protocol = ANY($1::text[]) AND e.valid_until <= $2 AND e.failure IS NULL
          AND p.changed_at < now() - $3::interval
        ORDER BY e.valid_until LIMIT $5
    )
    UNION ALL
    (
        SELECT e.patient, e.retry_at
        FROM {schema}.evaluation e JOIN timeline.patient p USING (patient)
        WHERE e.failure IS NOT NULL AND e.protocol = ANY($1::text[]) AND e.retry_at <= now()
        ORDER BY e.retry_at LIMIT $5
    )
) AS found
GROUP BY patient ORDER BY min(since) LIMIT $5

-- name: sweep
-- A page of patients in key order: those whose evaluation is missing, older than their timeline, made under another
-- protocol, other rules or a clock that has been set back since, expired or failed; and the last of the page, whether behind or not, to go on from.
-- What such a clock has dated ahead (when a timeline changed, when to try again) holds nobody back until then.
WITH page AS (
    SELECT patient, version, changed_at FROM timeline.patient
    WHERE patient > $6 ORDER BY patient LIMIT $7
), judged AS (
    SELECT p.patient, bool_or(
        (p.changed_at < now() - $5::interval OR p.changed_at > now() + interval '1 minute')
        AND (
            e.patient IS NULL
            OR e.timeline_version < p.version
            OR e.protocol_hash <> protocol.hash
            OR e.rules_version <> $3
            OR e.valid_until <= $4
            OR e.evaluated_at > $4 + interval '1 minute'
            OR e.failure IS NOT NULL
        )
        AND (
            e.retry_at IS NULL OR e.retry_at <= now() OR e.retry_at > now() + interval '2 minutes'
            OR e.timeline_version < p.version
        )
    ) AS behind
    FROM page p
    CROSS JOIN unnest($1::text[], $2::text[]) AS protocol (id, hash)
    LEFT JOIN {schema}.evaluation e ON e.patient = p.patient AND e.protocol = protocol.id
    GROUP BY p.patient
)
SELECT patient, behind FROM judged
WHERE behind OR patient = (SELECT patient FROM page ORDER BY patient DESC LIMIT 1)
ORDER BY patient

-- name: oldest_behind
-- How long the patient that has waited longest for an evaluation of its newest version has waited, in seconds: of those of
-- whom anything live is news, and of those of whom back-fill alone is. 0 if none does.
SELECT
    coalesce(extract(epoch FROM now() - min(changed_at) FILTER (WHERE NOT backfilled)), 0)::float8 AS live,
    coalesce(extract(epoch FROM now() - min(changed_at) FILTER (WHERE backfilled)), 0)::float8 AS backfilled
FROM (
    SELECT p.changed_at, coalesce(
        p.version = p.backfilled_to AND greatest(e.timeline_version, p.began_in) >= p.backfilled_from, false
    ) AS backfilled
    FROM timeline.patient p
    CROSS JOIN unnest($1::text[]) AS protocol (id)
    LEFT JOIN {schema}.evaluation e ON e.patient = p.patient AND e.protocol = protocol.id
    WHERE e.patient IS NULL OR e.timeline_version < p.version
) AS behind

-- name: try_relay_lock
SELECT pg_try_advisory_lock(hashtext('graftwatch-relay-{schema}'))

-- name: unrelayed
SELECT event_id, patient, topic, type, event, created_at, traceparent FROM {schema}.outbox
WHERE relayed_at IS NULL ORDER BY sequence LIMIT $1

-- name: mark_relayed
UPDATE {schema}.outbox SET relayed_at = now() WHERE event_id = ANY($1::uuid[])

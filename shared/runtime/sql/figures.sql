-- The figures of a trial that a deciding service keeps live from what each patient contributes.

-- name: behind
-- Contributions so far, null where the stored row was made from all of them under the same rules on the same day.
SELECT n.contributions
FROM (SELECT count(*) AS contributions FROM {schema}.outcome WHERE protocol = $1 AND kind = $2) n
WHERE NOT EXISTS (
    SELECT FROM {schema}.trial_figures f
    WHERE f.protocol = $1 AND f.cut_off_on = $3 AND f.protocol_hash = $4 AND f.rules_version = $5
      AND f.contributions = n.contributions
)

-- name: made_from
-- How many contributions there are in all, superseded ones too.
SELECT count(*) FROM {schema}.outcome WHERE protocol = $1 AND kind = $2

-- name: contributions
-- What each patient contributes now.
SELECT c.content
FROM (
    SELECT DISTINCT ON (patient) withdrawn, content FROM {schema}.outcome
    WHERE protocol = $1 AND kind = $2 ORDER BY patient, ordinal DESC
) c
WHERE NOT c.withdrawn

-- name: keep
-- The figures with every patient's contribution, as the plots need them, by start of treatment. In the snapshot that they were
-- computed in: a row that changed since then is an error, one that was made from more contributions was so before a removal.
INSERT INTO {schema}.trial_figures (
    protocol, cut_off_on, contributions, protocol_hash, rules_version, treated, content
)
SELECT $1, $2, $3, $4, $5, $6, $7::jsonb || jsonb_build_object('patients', (
    SELECT coalesce(jsonb_agg(c.content ORDER BY c.content ->> 'start_on', c.patient), '[]')
    FROM (
        SELECT DISTINCT ON (patient) patient, withdrawn, content FROM {schema}.outcome
        WHERE protocol = $1 AND kind = $8 ORDER BY patient, ordinal DESC
    ) c
    WHERE NOT c.withdrawn
))
ON CONFLICT (protocol, cut_off_on) DO UPDATE SET
    contributions = excluded.contributions, protocol_hash = excluded.protocol_hash,
    rules_version = excluded.rules_version, treated = excluded.treated, content = excluded.content,
    computed_at = clock_timestamp()

-- name: kept
-- The figures of the newest cut-off up to a day.
SELECT cut_off_on, treated, content, computed_at FROM {schema}.trial_figures
WHERE protocol = $1 AND cut_off_on <= $2 ORDER BY cut_off_on DESC LIMIT 1

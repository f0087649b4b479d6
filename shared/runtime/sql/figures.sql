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

-- name: contributions
-- What each patient contributes now, with how many contributions there are in all, superseded ones too.
SELECT n.made_from, c.content
FROM (SELECT count(*) AS made_from FROM {schema}.outcome WHERE protocol = $1 AND kind = $2) n
LEFT JOIN (
    SELECT DISTINCT ON (patient) withdrawn, content FROM {schema}.outcome
    WHERE protocol = $1 AND kind = $2 ORDER BY patient, ordinal DESC
) c ON NOT c.withdrawn

-- name: keep
-- What was computed from more contributions stays.
INSERT INTO {schema}.trial_figures AS f (
    protocol, cut_off_on, contributions, protocol_hash, rules_version, treated, content
) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (protocol, cut_off_on) DO UPDATE SET
    contributions = excluded.contributions, protocol_hash = excluded.protocol_hash,
    rules_version = excluded.rules_version, treated = excluded.treated, content = excluded.content,
    computed_at = clock_timestamp()
WHERE f.contributions <= excluded.contributions

-- name: kept
-- The figures of the newest cut-off up to a day.
SELECT cut_off_on, treated, content, computed_at FROM {schema}.trial_figures
WHERE protocol = $1 AND cut_off_on <= $2 ORDER BY cut_off_on DESC LIMIT 1

-- What `graftwatch status` may know of dead letters: how many are open, and nothing of what they hold.

CREATE VIEW timeline.open_dead_letter_count AS
SELECT coalesce(site, '') AS site, reason, count(*) AS letters
FROM identity.dead_letter WHERE status = 'open' GROUP BY 1, 2;
COMMENT ON VIEW timeline.open_dead_letter_count IS 'How many dead letters are open, by site and reason.';
GRANT SELECT ON timeline.open_dead_letter_count TO graftwatch_reader;

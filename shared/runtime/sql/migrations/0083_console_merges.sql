-- The console shows a person's whole timeline, that of patients merged into it included, and says who was merged when.

CREATE VIEW console.known_fact AS
SELECT patient, of, fact_id, fact, added_in, ended_in, recorded_at FROM timeline.known_fact;
CREATE VIEW console.merge AS
SELECT patient, survivor, merged_in, unmerged_in, merged_at, unmerged_at FROM timeline.merge;
GRANT SELECT ON console.known_fact, console.merge TO graftwatch_console;

"""Safety: watches treated patients for laboratory toxicity, graft rejection and serious adverse events.

Reads:   timelines; the protocol's treatment and safety sections.
Decides: CTCAE grades of the liver tests and their course, the level of suspicion of graft rejection and its episode,
         gaps of surveillance, candidates for serious adverse events, and how their reporting deadlines stand.
Writes:  its outcomes (`toxicity`, `rejection`, `surveillance`, `adverse-event`, `clock`) and, through its outbox,
         `safety-events`.
Never:   makes a diagnosis, assesses whether an event is related or expected (people attest that), or speaks of a
         patient before the first dose.

Reading order: treated, liver, hys_law, immunosuppression, biopsy, rejection_signs, rejection_findings,
rejection_rules, differential, episode, rejection, surveillance, cases, reviews, clocks, adverse_events, toxicity,
announce, evaluate; then what leaves: figures, icsr, tables.
"""

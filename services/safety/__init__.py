"""Safety: watches treated patients for laboratory toxicity, graft rejection and serious adverse events.

Reads:   timelines; the protocol's treatment and safety sections.
Decides: CTCAE grades of the liver tests, the level of suspicion of graft rejection, candidates for serious
         adverse events.
Writes:  its outcomes (`toxicity`, `rejection`, `adverse-event`) and, through its outbox, `safety-events`.
Never:   makes a diagnosis, assesses whether an event is related or expected, or speaks of a patient before
         the first dose.

Reading order: treated, liver, hys_law, immunosuppression, biopsy, rejection_signs, rejection_findings,
rejection_rules, differential, rejection, adverse_events, toxicity, announce, evaluate.
"""

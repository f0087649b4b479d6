"""Tumour response: what each visit shows, the best response, the first progression, the trial's endpoints.

Reads: timelines (lesion measurements, doses, anticancer drugs, deaths, contacts, AFP, readers' own statements) and
protocols.
Decides: visit response, best overall response (unconfirmed and confirmed), date of first progression, each endpoint
with its event or censoring, each reader's own derivation, the trial's figures.
Writes: outcomes `baseline`, `assessment`, `reading`, `best-response`, `progression`, `endpoint`, `marker`, `contribution`;
the trial's figures; events to `response-assessments`.
Never: chooses target lesions, replaces the derived response by a stated one, answers before the first dose.
"""

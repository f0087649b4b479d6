"""Tumour response: what each visit shows, the best response, the first progression.

Reads: timelines (lesion measurements, doses, anticancer drugs, readers' own statements) and protocols.
Decides: visit response, best overall response (unconfirmed and confirmed), date of first progression.
Writes: outcomes `baseline`, `assessment`, `best-response`, `progression`; events to `response-assessments`.
Never: chooses target lesions, replaces the derived response by a stated one, answers before the first dose.
"""

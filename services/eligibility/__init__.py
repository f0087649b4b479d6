"""Screening: which criteria of a protocol a patient meets, and the screening status that follows.

Reads: the timeline, protocol files, hints on `timeline-changes`.
Decides: each criterion (met, not met, unknown, conflict) and the patient's screening status.
Writes: its own outcomes, and `screening-decisions` through its outbox.
Never: guesses what is not recorded, enrols a patient, or changes a record.
"""

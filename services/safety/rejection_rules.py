"""The rules of graft rejection, in order: what proves it, raises suspicion, is only to be watched.

Decides nothing by itself: the level of a patient is that of the first rule that finds something
(`rejection`). Laboratory values prove nothing here. Every number is the protocol's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.safety import rejection_findings as findings
from services.safety.biopsy import BANFF
from services.safety.rejection_findings import Finding
from services.safety.rejection_signs import Signs


class Level(StrEnum):
    """How far rejection is established; only `PROVEN` counts as the endpoint."""

    NONE = "none"
    WATCH = "watch"
    SUSPECTED = "suspected"
    PROVEN = "proven"


@dataclass(frozen=True)
class Rule:
    """One rule: its level, its clinical sentence, its source, and how it looks for its signs."""

    id: str
    level: Level
    sentence: str
    source: str
    find: Callable[[Signs], Iterable[Finding]]


PROOFS: Final = (
    Rule(
        "biopsy-with-diagnosis",
        Level.PROVEN,
        "A rejection activity index of at least 3 with the pathologist's diagnosis proves rejection.",
        BANFF,
        findings.biopsy_with_diagnosis,
    ),
    Rule(
        "confirmed-diagnosis",
        Level.PROVEN,
        "A rejection diagnosis with verification status confirmed proves rejection.",
        "ICD-10-CM T86.41; FHIR R4 condition-ver-status",
        findings.confirmed_diagnosis,
    ),
    Rule(
        "adjudicated",
        Level.PROVEN,
        "Rejection is proven if staff adjudicate it so; its onset is the suspicion that they judged.",
        "local attestation rejection-adjudicated",
        findings.adjudicated,
    ),
)
SUSPICIONS: Final = (
    Rule(
        "biopsy-without-diagnosis",
        Level.SUSPECTED,
        "A rejection activity index of at least 3 without the pathologist's diagnosis is a suspicion.",
        BANFF,
        findings.biopsy_without_diagnosis,
    ),
    Rule(
        "indeterminate-biopsy",
        Level.SUSPECTED,
        "A rejection activity index of 1 or 2 is indeterminate and counts as a suspicion.",
        BANFF,
        findings.indeterminate_biopsy,
    ),
    Rule(
        "unconfirmed-diagnosis",
        Level.SUSPECTED,
        "A rejection diagnosis that nobody confirmed (provisional, differential) is a suspicion.",
        "ICD-10-CM T86.41; FHIR R4 condition-ver-status",
        findings.unconfirmed_diagnosis,
    ),
    Rule(
        "reported-diagnosis",
        Level.SUSPECTED,
        "A pathology report that concludes rejection without such an index is a suspicion.",
        BANFF,
        findings.reported_diagnosis,
    ),
    Rule(
        "diagnosis-of-unknown-time",
        Level.SUSPECTED,
        "A rejection diagnosis whose date does not tell whether it precedes the first dose is a suspicion.",
        "absent is unknown, never false",
        findings.diagnosis_of_unknown_time,
    ),
    Rule(
        "severe-liver-test",
        Level.SUSPECTED,
        "A liver test of at least the protocol's grade in the risk window raises suspicion by itself.",
        "protocol: safety.rejection.suspected_grade",
        findings.severe_liver_test,
    ),
    Rule(
        "liver-test-with-cause",
        Level.SUSPECTED,
        "A lower grade raises suspicion with a low trough, recently reduced immunosuppression or new antibodies.",
        "protocol: safety.rejection.suspected_grade_with_cause",
        findings.liver_test_with_cause,
    ),
)
WATCHES: Final = (
    Rule(
        "severe-if-final",
        Level.WATCH,
        "In the risk window a last liver test that is not final yet, and would raise suspicion, is watched.",
        "protocol: safety.rejection.suspected_grade",
        findings.severe_if_final,
    ),
    Rule(
        "rising-from-lowest",
        Level.WATCH,
        "After a raised baseline, a last liver test that has risen from the lowest value since is watched.",
        "protocol: safety.rejection.watch_rise and suspected_grade_with_cause",
        findings.rising_from_lowest,
    ),
    Rule(
        "rising-liver-test",
        Level.WATCH,
        "In the risk window a last liver test above normal and risen from the baseline is watched.",
        "protocol: safety.rejection.watch_rise",
        findings.rising,
    ),
    Rule(
        "high-without-baseline",
        Level.WATCH,
        "A last liver test that is severe unless the unknown baseline was high is watched.",
        "absent is unknown, never false",
        findings.high_without_baseline,
    ),
)
RULES: Final = (*PROOFS, *SUSPICIONS, *WATCHES)

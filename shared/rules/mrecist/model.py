"""The vocabulary of response evaluation: what is followed, what was read at a visit, what follows from it.

Decides nothing. Lengths in mm as Decimal, percentages exact.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from shared.facts import LesionMeasurement, Organ, ProcedurePerformed
from shared.outcomes import Evidence
from shared.rules.mrecist.doubt import Doubt, sentences
from shared.rules.mrecist.lesions import Gauge

TargetResponse: TypeAlias = Literal["CR", "PR", "SD", "PD", "NE"]
NonTargetResponse: TypeAlias = Literal["CR", "NON-CR/NON-PD", "PD", "NE"]
OverallResponse: TypeAlias = Literal["CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE"]
Role: TypeAlias = Literal["target", "non-target"]


class Lesion(msgspec.Struct, frozen=True):
    """A lesion followed from baseline: its role, organ and the diameter that counts (None: not known)."""

    key: str
    role: Role
    organ: Organ | None
    gauge: Gauge | None


class Reading(msgspec.Struct, frozen=True):
    """What the records say of one lesion at one assessment.

    `size_mm` is None, with the reason, where the lesion was not assessed or its records cannot be used.
    `present` is whether disease remains, None where that cannot be told.
    """

    lesion: Lesion
    size_mm: Decimal | None = None
    present: bool | None = None
    unequivocal_progression: bool = False
    reason: str = ""
    records: tuple[LesionMeasurement, ...] = ()
    treatment: ProcedurePerformed | None = None
    """The local treatment since which the lesion cannot be evaluated."""


class Assessment(msgspec.Struct, frozen=True):
    """The records of one reader that form one assessment; never empty."""

    records: tuple[LesionMeasurement, ...]
    by_lesion: dict[str, tuple[LesionMeasurement, ...]]
    """The same records by the key of their lesion."""
    joint: tuple[LesionMeasurement, ...]
    """Those that measure several lesions as one."""
    first_on: date
    """Earliest day that any of its scans may have."""
    last_on: date
    """Latest day that any of its scans may have."""
    number: int | None = None


class Baseline(msgspec.Struct, frozen=True):
    """The assessment before the first dose with which all later ones are compared."""

    on: date
    sum_mm: Decimal | None
    """None where a target was not measured, or where there are no targets."""
    targets: tuple[Reading, ...]
    non_targets: tuple[Reading, ...]
    evidence: tuple[Evidence, ...]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The response at one assessment after the first dose, and how it came about.

    `target` and `non_target` are None where there are no such lesions. `sum_mm` is None unless every target
    was measured; `measured_mm` is the sum of those that were. Percentages are exact: negative is a decrease.
    """

    on: date
    """The earliest scan for progression, the latest otherwise."""
    first_scan_on: date
    last_scan_on: date
    response: OverallResponse
    target: TargetResponse | None
    non_target: NonTargetResponse | None
    new_lesion: bool
    sum_mm: Decimal | None
    measured_mm: Decimal | None
    baseline_sum_mm: Decimal | None
    nadir_mm: Decimal | None
    rule: str
    says: str
    target_rule: str
    non_target_rule: str
    number: int | None = None
    """The visit number, where the records give one."""
    readings: tuple[Reading, ...] = ()
    """Every lesion followed from baseline, as read at this visit."""
    new: tuple[tuple[LesionMeasurement, ...], ...] = ()
    """The records of each new lesion that counts at this visit."""
    doubts: tuple[Doubt, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was odd about the records of the visit, without the sources."""
        return sentences(self.doubts)

    @property
    def percent_from_baseline(self) -> Decimal | None:
        """Change of the complete sum against baseline."""
        return _percent_change(self.sum_mm, self.baseline_sum_mm)

    @property
    def percent_from_nadir(self) -> Decimal | None:
        """Change of the complete sum against the smallest complete sum before."""
        return _percent_change(self.sum_mm, self.nadir_mm)


class BestResponse(msgspec.Struct, frozen=True):
    """Best overall response, unconfirmed and confirmed.

    `on` is the first visit with the unconfirmed one; `confirmed_on` the visit that confirmed a CR or PR.
    """

    unconfirmed: OverallResponse = "NE"
    confirmed: OverallResponse = "NE"
    on: date | None = None
    confirmed_on: date | None = None
    evidence: tuple[Evidence, ...] = ()


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The course from one start of treatment: baseline, visits in order, best response, first progression."""

    start: date
    reader: str | None
    baseline: Baseline | None
    visits: tuple[Visit, ...]
    best: BestResponse
    doubts: tuple[Doubt, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What was odd about the records of the whole course, without the sources."""
        return sentences(self.doubts)

    @property
    def progression(self) -> Visit | None:
        """The first visit with progressive disease."""
        return next((v for v in self.visits if v.response == "PD"), None)

    @property
    def progression_on(self) -> date | None:
        """The date of first progression: the earliest scan of that visit."""
        return self.progression.on if self.progression is not None else None


def _percent_change(size: Decimal | None, reference: Decimal | None) -> Decimal | None:
    if size is None or not reference:
        return None
    return (size - reference) * 100 / reference

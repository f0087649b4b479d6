"""A trial's patient as the tables name him: short names for lesions and readers, visits numbered by date. Decides nothing.

Inside the product lesions and readers have long pseudonyms; in a table they are T01 and READER 1, the same in each table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import ClassVar, Final

from shared.facts import LesionMeasurement
from shared.rules.mrecist.lesions import OrganOf, organ_of
from shared.rules.mrecist.model import Course, Visit
from shared.timeline import Timeline

_LETTER: Final = {"target": "T", "non-target": "NT", "new": "NEW", None: "L"}


class Subject:
    """One patient: measurements in clinical order and the names of what they speak of."""

    BASELINE: ClassVar[str] = "1"

    def __init__(self, study: str, id_: str, known: Timeline, course: Course) -> None:
        self.study = study
        self.id = id_
        self.course = course
        self.organ: OrganOf = organ_of(known)
        self.lesions: tuple[LesionMeasurement, ...] = known.of(LesionMeasurement)
        self._readers = _names((m.reader for m in self.lesions if m.reader is not None), "READER {}")
        self._roles = _roles(self.lesions)
        self._lesions = self._lesion_names()

    def lesion(self, m: LesionMeasurement) -> str:
        """`T01`, `NT02`, `NEW01`; `L01` where no role is recorded; `T01/T02` of merged ones, `T01.1` of a part."""
        others = [self._lesions[key] for key in m.merged_with if key in self._lesions]
        return "/".join((self._lesions[m.lesion], *others))

    def accepts(self, reader: str | None) -> bool:
        """Whether this is the accepted reader of several; where one read alone nothing is to be accepted."""
        return len(self._readers) > 1 and reader is not None and reader == self.course.reader

    @property
    def reader_keys(self) -> tuple[str, ...]:
        """Everybody who read, the accepted one first."""
        return tuple(sorted(self._readers, key=lambda key: (key != self.course.reader, key)))

    def reader(self, key: str | None) -> str | None:
        """`READER 1`, None where the record names nobody."""
        return self._readers.get(key or "")

    def role(self, m: LesionMeasurement) -> str | None:
        """The first role recorded of the lesion by anybody."""
        return self._roles[m.lesion]

    def visit(self, m: LesionMeasurement) -> tuple[str | None, str | None]:
        """Number and name of the visit that the record belongs to; of other readers' records by date."""
        day = m.occurred.day if m.occurred is not None else None
        if day is None:
            return None, None
        if day <= self.course.start:
            return (self.BASELINE, "BASELINE") if self._at_baseline(day) else (None, "BEFORE BASELINE")
        for place, visit in enumerate(self.course.visits):
            if visit.first_scan_on <= day <= visit.last_scan_on:
                return self.visit_named(place)
        return None, "UNSCHEDULED"

    def visit_of(self, visit: Visit, place: int) -> tuple[str | None, str]:
        """Number and name of a visit of any reader's course: that of the accepted course with a scan of its days."""
        for nth, accepted in enumerate(self.course.visits):
            if visit.first_scan_on <= accepted.last_scan_on and accepted.first_scan_on <= visit.last_scan_on:
                return self.visit_named(nth)
        return (None, "UNSCHEDULED") if self.course.visits else self.visit_named(place)

    def visit_named(self, place: int) -> tuple[str, str]:
        """Number and name of a visit by its place in the course."""
        return str(place + 2), f"VISIT {place + 2}"

    def _at_baseline(self, day: date) -> bool:
        baseline = self.course.baseline
        if baseline is None:
            return False
        read = (r for reading in (*baseline.targets, *baseline.non_targets) for r in reading.records)
        return any(r.occurred is not None and r.occurred.day == day for r in read)

    def _lesion_names(self) -> dict[str, str]:
        by_letter: dict[str, int] = {}
        found: dict[str, str] = {}
        parts: dict[str, int] = {}
        for m in self.lesions:
            if m.lesion not in found and m.split_from in found:
                parts[m.split_from] = parts.get(m.split_from, 0) + 1
                found[m.lesion] = f"{found[m.split_from]}.{parts[m.split_from]}"
            elif m.lesion not in found:
                letter = _LETTER[self._roles[m.lesion]]
                by_letter[letter] = by_letter.get(letter, 0) + 1
                found[m.lesion] = f"{letter}{by_letter[letter]:02d}"
        return found


def _roles(lesions: Sequence[LesionMeasurement]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for m in lesions:
        found[m.lesion] = found.get(m.lesion) or m.role
    return found


def _names(keys: Iterable[str], form: str) -> dict[str, str]:
    return {key: form.format(i) for i, key in enumerate(sorted(set(keys)), 1)}

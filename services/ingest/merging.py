"""Decides which patient each of several linked Patients survives as. Reads and writes nothing; knows no order of arrival.

A link says that one Patient is replaced by another (`replaced-by`, or the other's `replaces`): either's word suffices. Who
is replaced by nobody survives; at the end of a chain it is the last. Where links lead in a circle, or to several patients
that are not themselves one, nobody can say who survives: such a patient stays on its own, and that is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal
from uuid import UUID

from msgspec import Struct

Issue = Literal["cycle", "contradictory"]


class Linked(Struct, frozen=True):
    """One Patient's statement about another."""

    patient: UUID
    other: UUID
    link: str
    """`replaced-by` or `replaces`."""

    @property
    def replaced(self) -> tuple[UUID, UUID]:
        """Who is replaced, and by whom."""
        return (self.patient, self.other) if self.link == "replaced-by" else (self.other, self.patient)


class Standing(Struct, frozen=True):
    """What the links make of one patient: whom it survives as (itself: nobody else), and why they are not followed."""

    survivor: UUID
    issue: Issue | None = None


def standings(patients: Iterable[UUID], links: Iterable[Linked]) -> dict[UUID, Standing]:
    """The standing of each patient, by all links among them."""
    by: dict[UUID, set[UUID]] = {p: set() for p in patients}
    for link in links:
        absorbed, survivor = link.replaced
        by.setdefault(absorbed, set()).add(survivor)
        by.setdefault(survivor, set())
    found: dict[UUID, Standing] = {p: Standing(p, "cycle") for p in by if p in _reachable(p, by)}
    for patient in sorted(by):
        _settle(patient, by, found)
    return found


def _settle(start: UUID, by: Mapping[UUID, set[UUID]], found: dict[UUID, Standing]) -> None:
    """Settle a patient after those that it is replaced by; what lies on a circle is settled already, so this ends."""
    waiting = [start]
    while waiting:
        patient = waiting[-1]
        unsettled = sorted(p for p in by[patient] if p not in found)
        if patient in found or not unsettled:
            waiting.pop()
            found.setdefault(patient, _standing(patient, {found[p].survivor for p in by[patient] if p in found}))
        else:
            waiting += unsettled


def _standing(patient: UUID, survivors: set[UUID]) -> Standing:
    if len(survivors) > 1:
        return Standing(patient, "contradictory")
    return Standing(survivors.pop() if survivors else patient)


def _reachable(start: UUID, by: Mapping[UUID, set[UUID]]) -> set[UUID]:
    """Everybody whom a patient is replaced by, directly or over others."""
    seen, waiting = set[UUID](), [*by[start]]
    while waiting:
        patient = waiting.pop()
        if patient not in seen:
            seen.add(patient)
            waiting += by[patient]
    return seen

"""Where the trial loses its patients: counts over current verdicts, criterion by criterion. Decides nothing about a patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from shared.outcomes import Verdict
from shared.protocol.model import Protocol

BEING_SCREENED: Final = ("eligible", "potentially_eligible", "ineligible")
"""Statuses in which the criteria are open; on treatment and off study they are frozen."""


class Loss(msgspec.Struct, frozen=True):
    """One criterion over all who are being screened; for an exclusion, to fail is to meet it."""

    id: str
    title: str
    is_exclusion: bool
    fails: int
    undecided: int
    alone: int
    """Patients whom this criterion alone, failed or undecided, keeps from being eligible."""
    remaining: int
    """Patients who fail neither this one nor any before it, in the order of the protocol."""


def losses(protocol: Protocol, rows: Iterable[tuple[Mapping[str, str], int]]) -> list[Loss]:
    """The losses by every criterion in the order of the protocol; rows are verdicts by criterion and how many have them."""
    found = list(rows)
    criteria = [(c, False) for c in protocol.screening.inclusion] + [(c, True) for c in protocol.screening.exclusion]
    standing = {c.id: [_stands(verdicts.get(c.id), excluded) for verdicts, _ in found] for c, excluded in criteria}
    left = [True] * len(found)
    made = []
    for criterion, excluded in criteria:
        here = standing[criterion.id]
        left = [before and now is not False for before, now in zip(left, here, strict=True)]
        alone = [
            here[i] is not True and all(standing[other][i] is True for other in standing if other != criterion.id)
            for i in range(len(found))
        ]
        made.append(
            Loss(
                criterion.id,
                criterion.title,
                excluded,
                _sum(found, [s is False for s in here]),
                _sum(found, [s is None for s in here]),
                _sum(found, alone),
                _sum(found, left),
            )
        )
    return made


def _stands(verdict: str | None, is_exclusion: bool) -> bool | None:
    """Whether the criterion allows the patient; None while it is unknown or in conflict."""
    if verdict not in (Verdict.MET, Verdict.NOT_MET):
        return None
    return (verdict == Verdict.MET) is not is_exclusion


def _sum(rows: list[tuple[Mapping[str, str], int]], chosen: list[bool]) -> int:
    return sum(patients for (_, patients), wanted in zip(rows, chosen, strict=True) if wanted)

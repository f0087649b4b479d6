"""Decides the patients for whom the hospital has opened two charts, and what it says of that. Evaluates nothing."""

from __future__ import annotations

from typing import Final

from services.cli.simulate.candidate import candidate, lab
from services.cli.simulate.entries import Lab, Person
from services.cli.simulate.scenarios.scenario import Scenario


def _chart(version: int, phase: int, *, is_replaced: bool) -> Person:
    """The Patient of the second chart."""
    return Person(key="patient-2", version=version, phase=phase, second=True, is_replaced=is_replaced)


MERGED: Final = (
    Scenario(
        name="merge-completes",
        title="Neutrophils are in a second chart, which is merged into the first: one person who meets everything.",
        status=("potentially_eligible", "eligible", "eligible"),
        second=("not_candidate", "merged", "merged"),
        chart=candidate(
            _chart(1, 1, is_replaced=False),
            lab("neutrophils", "3.20", -4, second=True),
            _chart(2, 2, is_replaced=True),
        ),
    ),
    Scenario(
        name="merge-taken-back",
        title="A second chart with 42 × 10⁹/L platelets is merged by mistake, and unmerged: it was somebody else's.",
        status=("eligible", "ineligible", "eligible"),
        second=("not_candidate", "merged", "not_candidate"),
        chart=candidate(
            _chart(1, 1, is_replaced=False),
            Lab(key="platelets-2", concept="platelets", value="42", day=-2, second=True),
            _chart(2, 2, is_replaced=True),
            _chart(3, 3, is_replaced=False),
        ),
    ),
    Scenario(
        name="merge-known-first",
        title="The hospital says that two charts are one before anything else of the second has come.",
        status=("potentially_eligible", "potentially_eligible", "eligible"),
        second=("merged", "merged", "merged"),
        chart=candidate(
            _chart(1, 1, is_replaced=True),
            lab("neutrophils", "3.20", -4, second=True, phase=3),
        ),
    ),
)

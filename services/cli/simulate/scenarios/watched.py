"""Decides what those have in common whose safety is watched: when they were first dosed, no visit since.

All whose grades matter are of one site, whose limits of normal are part of the answer: north has ALT 40,
AST 40, ALP 130, GGT 60 U/L and bilirubin 1.2 mg/dL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from services.cli.simulate.candidate import Chart
from services.cli.simulate.scenarios.scenario import Answer, Response, Safety, Scenario

RECENT: Final = -40
"""First dose of those in the weeks of dense surveillance: the last liver test was on day 35, 5 days ago."""
EARLIER: Final = -100
WEEKS: Final = (7, 14, 21, 28, 35, 42, 49, 56, 98)
"""Days of surveillance after the first dose."""


def watched(
    name: str,
    title: str,
    chart: Chart,
    safety: Safety,
    *,
    answers: Mapping[str, Answer] | None = None,
    site: Literal["north", "south"] | None = "north",
) -> Scenario:
    """A treated patient without a visit since the baseline, whose answer lies in grades, graft and events."""
    return Scenario(
        name=name,
        title=title,
        status="on_treatment",
        answers=answers or {},
        chart=chart,
        response=Response(),
        safety=safety,
        site=site,
    )

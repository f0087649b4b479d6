"""Decides what those have in common whose tumour is followed: visits every 8 weeks, two targets in most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.cli.simulate.candidate import liver_lesion, lung_lesion, treated
from services.cli.simulate.entries import AnyEntry, Lesion, Removed
from services.cli.simulate.scenarios.scenario import Answer, Response, Safety, Scenario

FIRST: Final = -190
V1, V2, V3 = FIRST + 56, FIRST + 112, FIRST + 168
BASELINE: Final = FIRST - 12


def scan(day: int, liver: str, lung: str, **rest: Any) -> tuple[Lesion, Lesion]:
    """The two targets of most patients at one visit."""
    return liver_lesion("liver-1", liver, day, **rest), lung_lesion("lung-1", lung, day, **rest)


def baseline(liver: str, lung: str, day: int = BASELINE, **rest: Any) -> tuple[Lesion, Lesion]:
    """The same two before the first dose, in place of the usual ones."""
    return (
        liver_lesion("liver-1", liver, day, key="liver-1-baseline", **rest),
        lung_lesion("lung-1", lung, day, key="lung-1-baseline", **rest),
    )


def baseline_by(reader: str, liver: str, lung: str) -> tuple[Lesion, Lesion]:
    """The same two before the first dose, as another reader measured them."""
    return (
        liver_lesion("liver-1", liver, BASELINE, key=f"liver-1-baseline-{reader}", reader=reader),
        lung_lesion("lung-1", lung, BASELINE, key=f"lung-1-baseline-{reader}", reader=reader),
    )


def node(longest: str, short_axis: str, day: int) -> Lesion:
    """A target node at the porta hepatis."""
    return Lesion(
        key=f"node-1-{-day}",
        lesion="node-1",
        organ="node-porta-hepatis",
        longest=longest,
        short_axis=short_axis,
        day=day,
    )


def non_target(lesion: str, day: int, state: str = "present", **rest: Any) -> Lesion:
    """A lesion that is followed without being measured."""
    return Lesion(key=f"{lesion}-{-day}", lesion=lesion, role="non-target", state=state, day=day, **rest)


def new_lesion(lesion: str, longest: str, day: int, **rest: Any) -> Lesion:
    """A lesion that the reader calls new."""
    return Lesion(key=f"{lesion}-{-day}", lesion=lesion, role="new", longest=longest, day=day, **rest)


def followed(
    name: str,
    title: str,
    lesions: tuple[AnyEntry | Removed, ...],
    response: Response,
    *,
    first: int = FIRST,
    without: tuple[str, ...] = (),
    answers: Mapping[str, Answer] | None = None,
) -> Scenario:
    """A treated patient with normal liver tests, whose answer lies in the lesions."""
    return Scenario(
        name=name,
        title=title,
        status="on_treatment",
        answers=answers or {},
        chart=treated(*lesions, first=first, without=without),
        response=response,
        safety=Safety(),
    )

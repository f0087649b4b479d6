"""Short ways to write down a course of scans, and the response parameters that the cases speak of."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from shared.dates import parse
from shared.facts import AnyFact
from shared.protocol.model import Response
from shared.rules.mrecist import MRECIST, Course, Criteria, Visit, derive
from shared.rules.mrecist.model import OverallResponse
from tests.support import build

FIRST_DOSE: Final = "2024-05-01"
BASELINE: Final = "2024-04-24"
VISITS: Final = ("2024-06-26", "2024-08-21", "2024-10-16", "2024-12-11")
"""Every 8 weeks from the first dose."""
LATER: Final = "2026-01-01"

_PARAMETERS: Final[dict[str, Any]] = {
    "criteria": "mrecist",
    "visit_window_days": 14,
    "baseline_window_days": 28,
    "sd_min_days": 42,
    "confirmation_days": 28,
    "primary_confirmed": False,
    "assessment_interval_days": 56,
    "accepted_reader": None,
    "anticancer_drugs": ("camrelizumab", "sorafenib", "lenvatinib"),
    "local_treatments": ("tumour-resection", "tumour-ablation", "tumour-embolisation"),
    "local_treatment_is_new_therapy": False,
}


def response(**changed: Any) -> Response:
    """The parameters of response evaluation, with some of them changed."""
    values = _PARAMETERS | changed
    return Response.model_validate({name: {"value": v, "source": "site"} for name, v in values.items()})


def course(
    *facts: AnyFact,
    criteria: Criteria = MRECIST,
    at: str = LATER,
    new_therapy_on: str | None = None,
    reader: str | None = None,
    **parameters: Any,
) -> Course:
    """The course of response from the first dose on."""
    start = parse(FIRST_DOSE, build.ZONE).day
    therapy = parse(new_therapy_on, build.ZONE).day if new_therapy_on is not None else None
    timeline = build.timeline(*facts)
    return derive(
        timeline, start, response(**parameters), criteria, build.at(at), new_therapy_on=therapy, reader=reader
    )


def target(size: str | None, on: str, name: str = "target-1", **more: Any) -> AnyFact:
    """A target in the liver by its viable diameter; None: recorded as not evaluable."""
    usual = {"role": "target", "organ": "liver"}
    if size is None:
        return build.lesion(name, on=on, **usual | {"state": "not-evaluable"} | more)
    return build.lesion(name, on=on, viable=size, **usual | {"longest": "90"} | more)


def non_target(state: str | None, on: str, name: str = "non-target-1", **more: Any) -> AnyFact:
    """A non-target lesion in the lung by its state."""
    return build.lesion(name, on=on, role="non-target", state=state, **{"organ": "lung"} | more)


def new(on: str, name: str = "new-1", **more: Any) -> AnyFact:
    """A new lesion, in the lung unless said otherwise."""
    return build.lesion(name, on=on, **{"role": "new", "organ": "lung"} | more)


def scans(*sizes: str | None, name: str = "target-1", **more: Any) -> list[AnyFact]:
    """One target at baseline and at each visit."""
    days = (BASELINE, *VISITS)[: len(sizes)]
    return [target(size, on, name, **more) for size, on in zip(sizes, days, strict=True)]


def states(*found: str | None, name: str = "non-target-1", **more: Any) -> list[AnyFact]:
    """One non-target lesion at baseline and at each visit."""
    days = (BASELINE, *VISITS)[: len(found)]
    return [non_target(state, on, name, **more) for state, on in zip(found, days, strict=True)]


def responses(found: Course) -> list[str]:
    """The overall response of each visit."""
    return [visit.response for visit in found.visits]


def target_responses(found: Course) -> list[str | None]:
    """The target response of each visit."""
    return [visit.target for visit in found.visits]


def answered(answer: OverallResponse, on: date, *, with_targets: bool = True) -> Visit:
    """A visit of which only the response and the date matter."""
    return Visit(
        on=on,
        first_scan_on=on,
        last_scan_on=on,
        response=answer,
        target="NE" if with_targets else None,
        non_target=None,
        new_lesion=False,
        sum_mm=None,
        measured_mm=None,
        baseline_sum_mm=None,
        nadir_mm=None,
        rule="",
        says="",
        target_rule="",
        non_target_rule="",
    )

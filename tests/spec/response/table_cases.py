"""The response tables cell by cell: what targets, non-targets and both together give. Data, so that it can be rendered.

Typed in from mRECIST (Lencioni and Llovet 2010) and RECIST 1.1 (Eisenhauer 2009), apart from the rules.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from shared.facts import AnyFact
from shared.rules.mrecist import MRECIST, RECIST11, Criteria
from shared.rules.mrecist.model import NonTargetResponse, OverallResponse, TargetResponse
from tests.spec.response.courses import BASELINE, VISITS, non_target, scans, states, target
from tests.support import build

CELLS: Final[dict[tuple[TargetResponse | None, NonTargetResponse | None], OverallResponse]] = {
    ("CR", None): "CR",
    ("CR", "CR"): "CR",
    ("CR", "NON-CR/NON-PD"): "PR",
    ("CR", "NE"): "PR",
    ("CR", "PD"): "PD",
    ("PR", None): "PR",
    ("PR", "CR"): "PR",
    ("PR", "NON-CR/NON-PD"): "PR",
    ("PR", "NE"): "PR",
    ("PR", "PD"): "PD",
    ("SD", None): "SD",
    ("SD", "CR"): "SD",
    ("SD", "NON-CR/NON-PD"): "SD",
    ("SD", "NE"): "SD",
    ("SD", "PD"): "PD",
    ("PD", None): "PD",
    ("PD", "CR"): "PD",
    ("PD", "NON-CR/NON-PD"): "PD",
    ("PD", "NE"): "PD",
    ("PD", "PD"): "PD",
    ("NE", None): "NE",
    ("NE", "CR"): "NE",
    ("NE", "NON-CR/NON-PD"): "NE",
    ("NE", "NE"): "NE",
    ("NE", "PD"): "PD",
    (None, "CR"): "CR",
    (None, "NON-CR/NON-PD"): "NON-CR/NON-PD",
    (None, "NE"): "NE",
    (None, "PD"): "PD",
    (None, None): "NE",
}
"""Overall response without a new lesion, by target and non-target response (None: there are none). With one: PD."""


class PartCase(NamedTuple):
    """What the targets, or the non-targets, give at the last visit of a course, and by which rule."""

    clause: str
    facts: tuple[AnyFact, ...]
    expected: str | None
    rule: str
    criteria: Criteria = MRECIST


def _lung(*sizes: str | None) -> tuple[AnyFact, ...]:
    days = (BASELINE, *VISITS)[: len(sizes)]
    return tuple(
        build.lesion("target-1", on=on, organ="lung", longest=s, state="present" if s else "not-evaluable")
        for s, on in zip(sizes, days, strict=True)
    )


def _node(*sizes: str) -> tuple[AnyFact, ...]:
    days = (BASELINE, *VISITS)[: len(sizes)]
    return tuple(build.lesion("node-1", on=on, organ="node", short_axis=s) for s, on in zip(sizes, days, strict=True))


_NO_TARGET: Final = (non_target("present", BASELINE), non_target("present", VISITS[0]))
_UNCLASSIFIED: Final = tuple(
    build.lesion("lesion-1", on=on, role=None, viable=s) for on, s in ((BASELINE, "50"), (VISITS[0], "20"))
)

TARGET_CASES: Final = (
    PartCase("no enhancement in any target", tuple(scans("50", "0")), "CR", "all-targets-gone"),
    PartCase("a node target below 10 mm is normal", _node("20", "9.9"), "CR", "all-targets-gone"),
    PartCase("a node target of 10 mm is not", _node("20", "10"), "PR", "decrease-from-baseline"),
    PartCase("exactly 30 % below baseline", tuple(scans("50", "35")), "PR", "decrease-from-baseline"),
    PartCase("a little less than 30 % below baseline", tuple(scans("50", "35.01")), "SD", "neither"),
    PartCase("exactly 20 % above nadir", tuple(scans("50", "60")), "PD", "increase-from-nadir"),
    PartCase("a little less than 20 % above nadir", tuple(scans("50", "59.99")), "SD", "neither"),
    PartCase("20 % above nadir, 40 % below baseline", tuple(scans("100", "50", "60")), "PD", "increase-from-nadir"),
    PartCase("20 % and less than 5 mm above nadir", tuple(scans("20", "24.9")), "PD", "increase-from-nadir"),
    PartCase(
        "any enhancement after an overall complete response",
        tuple(scans("50", "0", "0.5")),
        "PD",
        "reappearance-after-complete-response",
    ),
    PartCase(
        "any increase from a sum of 0 without overall complete response",
        (*scans("50", "0", "0.5"), *states("present", "present", "present")),
        "PD",
        "increase-from-nadir",
    ),
    PartCase("a target not assessed", tuple(scans("50", None)), "NE", "target-not-assessed"),
    PartCase(
        "a target not assessed, but the others are progression already",
        (*scans("50", "84"), target("20", BASELINE, "target-2")),
        "PD",
        "increase-from-nadir",
    ),
    PartCase("no sum at baseline", tuple(scans(None, "30")), "NE", "no-baseline-sum"),
    PartCase("no target is named at baseline", _UNCLASSIFIED, "NE", "roles-not-recorded"),
    PartCase("no targets", _NO_TARGET, None, "no-targets"),
    PartCase("disappearance of all targets", _lung("50", "0"), "CR", "all-targets-gone", RECIST11),
    PartCase("exactly 30 % below baseline, by RECIST 1.1", _lung("50", "35"), "PR", "decrease-from-baseline", RECIST11),
    PartCase("neither, by RECIST 1.1", _lung("50", "50"), "SD", "neither", RECIST11),
    PartCase("20 %, but less than 5 mm above nadir", _lung("20", "24.9"), "SD", "neither", RECIST11),
    PartCase("20 % and exactly 5 mm above nadir", _lung("20", "25"), "PD", "increase-from-nadir", RECIST11),
    PartCase("a target not assessed, by RECIST 1.1", _lung("50", None), "NE", "target-not-assessed", RECIST11),
    PartCase("no targets, by RECIST 1.1", _NO_TARGET, None, "no-targets", RECIST11),
)
NON_TARGET_CASES: Final = (
    PartCase("all gone", (*scans("50", "50"), *states("present", "absent")), "CR", "all-non-targets-gone"),
    PartCase(
        "still there", (*scans("50", "50"), *states("present", "present")), "NON-CR/NON-PD", "non-targets-persist"
    ),
    PartCase(
        "unequivocal progression",
        (*scans("50", "50"), *states("present", "unequivocal-progression")),
        "PD",
        "unequivocal-progression",
    ),
    PartCase(
        "unequivocal progression of one, another not assessed",
        (
            *scans("50", "50"),
            *states("present", "unequivocal-progression"),
            *states("present", "not-evaluable", name="non-target-2"),
        ),
        "PD",
        "unequivocal-progression",
    ),
    PartCase(
        "one not assessed",
        (*scans("50", "50"), *states("present", "absent"), *states("present", "not-evaluable", name="non-target-2")),
        "NE",
        "non-target-not-assessed",
    ),
    PartCase(
        "seen again after an overall complete response",
        (*scans("50", "0", "0"), *states("present", "absent", "present")),
        "PD",
        "reappearance-after-complete-response",
    ),
    PartCase("no non-target lesions", tuple(scans("50", "50")), None, "no-non-targets"),
)

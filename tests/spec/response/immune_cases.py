"""The specification of iRECIST by example: one target in the lung, scans every 4 weeks. Data, so that it can be rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.facts import AnyFact
from tests.spec.response.courses import BASELINE, new, non_target, target

DAYS: Final = ("2024-06-26", "2024-07-24", "2024-08-21", "2024-09-18")


@dataclass(frozen=True)
class Case:
    """These facts give these responses, the last one by `rule`; confirmed progression is dated to `confirmed_on`."""

    clause: str
    facts: tuple[AnyFact, ...]
    responses: tuple[str, ...]
    rule: str
    confirmed_on: str | None = None
    best: str = "iUPD"


def sums(*sizes: str) -> list[AnyFact]:
    """The target at baseline and at each visit."""
    days = (BASELINE, *DAYS)[: len(sizes)]
    return [target(None, on, state="present", organ="lung", longest=s) for s, on in zip(sizes, days, strict=True)]


def others(*states: str, name: str = "non-target-1", sizes: tuple[str | None, ...] = ()) -> list[AnyFact]:
    """A non-target lesion at baseline and at each visit."""
    days = (BASELINE, *DAYS)[: len(states)]
    sized = (*sizes, *(None,) * len(states))
    return [non_target(s, on, name, longest=z) for s, on, z in zip(states, days, sized, strict=False)]


CASES: Final = (
    Case("a first progression is unconfirmed", (*sums("50", "60"),), ("iUPD",), "first-progression"),
    Case(
        "confirmed by a further increase of 5 mm, dated to the first progression",
        (*sums("50", "60", "65"),),
        ("iUPD", "iCPD"),
        "targets-grew-further",
        DAYS[0],
        "iCPD",
    ),
    Case("an increase below 5 mm does not confirm", (*sums("50", "60", "64"),), ("iUPD", "iUPD"), "not-confirmed"),
    Case(
        "increases add up",
        (*sums("50", "60", "63", "65"),),
        ("iUPD", "iUPD", "iCPD"),
        "targets-grew-further",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "stable disease resets: the next progression is unconfirmed again",
        (*sums("50", "60", "55", "66"),),
        ("iUPD", "iSD", "iUPD"),
        "first-progression",
        best="iSD",
    ),
    Case(
        "a response after progression counts",
        (*sums("50", "60", "30"),),
        ("iUPD", "iPR"),
        "as-by-recist",
        best="iPR",
    ),
    Case(
        "confirmed after a reset: dated to the first progression of the second block",
        (*sums("50", "60", "55", "66", "75"),),
        ("iUPD", "iSD", "iUPD", "iCPD"),
        "targets-grew-further",
        DAYS[2],
        "iSD",
    ),
    Case(
        "less than 4 weeks after the first progression nothing is confirmed",
        (*sums("50", "60"), target(None, "2024-07-23", state="present", organ="lung", longest="90")),
        ("iUPD", "iUPD"),
        "too-early-to-confirm",
    ),
    Case(
        "confirmed by a new lesion after progression of the targets",
        (*sums("50", "60", "60"), new(DAYS[1], longest="12")),
        ("iUPD", "iCPD"),
        "progression-in-another-category",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "confirmed by unequivocal progression of a non-target lesion after progression of the targets",
        (*sums("50", "60", "60"), *others("present", "present", "unequivocal-progression")),
        ("iUPD", "iCPD"),
        "progression-in-another-category",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "a new lesion that stays as it is does not confirm itself",
        (*sums("50", "50", "50"), new(DAYS[0], longest="12"), new(DAYS[1], longest="12")),
        ("iUPD", "iUPD"),
        "not-confirmed",
    ),
    Case(
        "confirmed by 5 mm more of a measurable new lesion",
        (*sums("50", "50", "50"), new(DAYS[0], longest="12"), new(DAYS[1], longest="17")),
        ("iUPD", "iCPD"),
        "new-lesions-grew",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "confirmed by any increase of a new lesion too small to be measurable",
        (*sums("50", "50", "50"), new(DAYS[0], longest="6"), new(DAYS[1], longest="7")),
        ("iUPD", "iCPD"),
        "new-lesions-grew",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "confirmed by another new lesion",
        (
            *sums("50", "50", "50"),
            new(DAYS[0], longest="12"),
            new(DAYS[1], longest="12"),
            new(DAYS[1], "new-2", longest="8"),
        ),
        ("iUPD", "iCPD"),
        "another-new-lesion",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "confirmed by further growth of a non-target lesion",
        (
            *sums("50", "50", "50"),
            *others("present", *("unequivocal-progression",) * 2, sizes=("20", "40", "44")),
        ),
        ("iUPD", "iCPD"),
        "non-targets-grew-further",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "a non-target lesion that is called progression again, and is not larger, does not confirm",
        (*sums("50", "50", "50"), *others("present", *("unequivocal-progression",) * 2)),
        ("iUPD", "iUPD"),
        "not-confirmed",
    ),
    Case(
        "a visit that was not evaluable neither confirms nor resets",
        (*sums("50", "60"), target(None, DAYS[1], organ="lung"), *sums("50", "60", "60", "70")[3:]),
        ("iUPD", "NE", "iCPD"),
        "targets-grew-further",
        DAYS[0],
        "iCPD",
    ),
    Case(
        "after confirmed progression it stays confirmed",
        (*sums("50", "60", "70", "30"),),
        ("iUPD", "iCPD", "iCPD"),
        "confirmed-before",
        DAYS[0],
        "iCPD",
    ),
    Case("a complete response", (*sums("50", "0"),), ("iCR",), "as-by-recist", best="iCR"),
)

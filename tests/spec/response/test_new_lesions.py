"""New lesions: what counts as progression, when, and back to which visit."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest

from shared.rules.mrecist import RECIST11
from tests.spec.response.courses import BASELINE, VISITS, course, new, non_target, responses, scans
from tests.support import build

TYPICAL: Final[dict[str, Any]] = {"organ": "liver", "hyperenhancement": True, "washout": True}
STABLE = scans("50", "50", "50", "50")


def nodule(on: str, longest: str, **more: Any) -> Any:
    """A new nodule in the liver, typical unless said otherwise."""
    return new(on, longest=longest, **TYPICAL | more)


@pytest.mark.parametrize(
    ("longest", "pattern", "expected"),
    [
        ("10", {}, "PD"),
        ("9.9", {}, "SD"),
        ("30", {"washout": False}, "SD"),
        ("30", {"washout": None}, "SD"),
        ("30", {"hyperenhancement": False}, "SD"),
        ("30", {"hyperenhancement": None}, "SD"),
    ],
)
def test_a_nodule_in_the_liver(longest: str, pattern: dict[str, bool | None], expected: str) -> None:
    """Inside the liver a new lesion counts from 10 mm and with arterial hyperenhancement and washout."""
    assert responses(course(*scans("50", "50"), nodule(VISITS[0], longest, **pattern))) == [expected]


def test_a_small_nodule_that_becomes_large_and_typical_dates_progression_back() -> None:
    """The date of progression is the visit that first showed the nodule: that visit is derived anew."""
    facts = [*STABLE, nodule(VISITS[0], "6", washout=None)]
    before = course(*facts)
    after = course(*facts, nodule(VISITS[2], "12"))

    assert (responses(before), before.progression_on) == (["SD", "SD", "SD"], None)
    assert (responses(after), after.progression_on) == (["PD", "SD", "PD"], date.fromisoformat(VISITS[0]))


@pytest.mark.parametrize(("later", "expected"), [("15.9", "SD"), ("16", "PD")])
def test_a_nodule_that_grows_by_10_mm_counts_without_pattern(later: str, expected: str) -> None:
    """A nodule that is never typical counts once it has grown by 10 mm, from when it was first seen."""
    untyped = {"washout": False, "hyperenhancement": False}
    facts = [*scans("50", "50", "50"), nodule(VISITS[0], "6", **untyped), nodule(VISITS[1], later, **untyped)]

    assert responses(course(*facts)) == [expected, expected]


def test_growth_is_not_measured_between_different_diameters() -> None:
    """A viable diameter followed by a longest diameter shows no growth."""
    untyped = {"washout": False}
    facts = [
        *scans("50", "50", "50"),
        nodule(VISITS[0], None, viable="5", **untyped),  # type: ignore[arg-type]
        nodule(VISITS[1], "40", **untyped),
    ]

    assert responses(course(*facts)) == ["SD", "SD"]


def test_a_nodule_that_does_not_count_yet_is_named() -> None:
    """An equivocal nodule is no progression, and is not passed over in silence."""
    found = course(*scans("50", "50"), nodule(VISITS[0], "6")).visits[0]

    assert not found.new_lesion
    assert found.problems == ("a new lesion in the liver is not yet large and typical enough to count as progression",)


def test_any_new_lesion_outside_the_liver_counts() -> None:
    """Outside the liver a new lesion needs neither size nor pattern."""
    assert responses(course(*scans("50", "50"), new(VISITS[0], longest="4"))) == ["PD"]


@pytest.mark.parametrize(("short_axis", "expected"), [("9.9", "SD"), ("10", "PD"), (None, "SD")])
def test_a_new_node_counts_from_10_mm(short_axis: str | None, expected: str) -> None:
    """A new node below 10 mm short axis is normal."""
    facts = [*scans("50", "50"), new(VISITS[0], organ="node", short_axis=short_axis, longest="30")]

    assert responses(course(*facts)) == [expected]
    assert responses(course(*facts, criteria=RECIST11))[0] in (expected, "NE")


def test_a_node_that_grows_to_10_mm_counts_from_then() -> None:
    """A normal node is no lesion: progression is not dated back to when it was normal."""
    facts = [
        *scans("50", "50", "50"),
        new(VISITS[0], organ="node", short_axis="8"),
        new(VISITS[1], organ="node", short_axis="12"),
    ]

    assert responses(course(*facts)) == ["SD", "PD"]


def test_recist_asks_no_pattern_of_a_nodule_in_the_liver() -> None:
    """By RECIST 1.1 any new lesion in the liver is progression."""
    facts = [*scans("50", "50", longest="50"), nodule(VISITS[0], "6", washout=False)]

    assert course(*facts, criteria=RECIST11).visits[0].new_lesion


def test_a_new_lesion_at_an_unknown_site_must_be_typical() -> None:
    """Where the organ is unknown the lesion may lie in the liver, so the liver's rule must hold."""
    facts = [*scans("50", "50"), new(VISITS[0], organ=None, longest="30")]
    typical = [*scans("50", "50"), new(VISITS[0], longest="30", **TYPICAL | {"organ": None})]

    assert responses(course(*facts)) == ["SD"]
    assert responses(course(*typical)) == ["PD"]


@pytest.mark.parametrize("state", ["absent", "not-evaluable"])
def test_what_is_not_seen_is_no_new_lesion(state: str) -> None:
    """A record that a lesion is absent or not evaluable shows no new lesion."""
    assert responses(course(*scans("50", "50"), new(VISITS[0], state=state))) == ["SD"]


def test_a_lesion_without_role_first_seen_after_baseline_is_new() -> None:
    """A lesion that no record shows before the first dose is new, and that nobody called it new is named."""
    found = course(*scans("50", "50"), new(VISITS[0], longest="12", role=None))

    assert responses(found) == ["PD"]
    assert "a lesion in the lung without a role was first seen after baseline: it is new" in found.problems


@pytest.mark.parametrize("on", [BASELINE, "2024-02-01"])
def test_a_lesion_seen_before_the_first_dose_is_not_new(on: str) -> None:
    """A lesion that was there before, called new then and now, is no progression under this treatment."""
    facts = [*scans("50", "50"), new(on, longest="12"), new(VISITS[0], longest="12")]
    found = course(*facts)

    assert responses(found) == ["SD"]
    assert "a lesion in the lung has no role at baseline: counts as non-target" in found.problems


def test_a_lesion_that_had_gone_before_the_first_dose_is_new_when_it_returns() -> None:
    """A lesion recorded as absent at baseline is not there to be followed."""
    facts = [*scans("50", "50"), new(BASELINE, state="absent", role=None), new(VISITS[0], longest="12")]

    assert responses(course(*facts)) == ["PD"]


def test_a_new_lesion_that_is_later_followed_as_target_stays_new() -> None:
    """After progression a reader may choose the new lesion as target: it was new all the same."""
    facts = [
        *scans("50", "50", "50"),
        new(VISITS[0], longest="12"),
        build.lesion("new-1", on=VISITS[1], organ="lung", role="target", longest="14"),
    ]

    assert responses(course(*facts)) == ["PD", "PD"]


def test_a_new_lesion_is_progression_without_target_lesions_too() -> None:
    """Patients with non-target lesions only progress by new lesions as well."""
    facts = [non_target("present", BASELINE), non_target("present", VISITS[0]), new(VISITS[0], longest="12")]

    assert responses(course(*facts)) == ["PD"]

"""Non-target lesions: complete response, persistence, unequivocal progression, not evaluable."""

from __future__ import annotations

import pytest

from tests.spec.response.courses import BASELINE, VISITS, course, non_target, responses, scans, states
from tests.support import build


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("present", "absent"), "CR"),
        (("present", "present"), "NON-CR/NON-PD"),
        (("present", "too-small-to-measure"), "NON-CR/NON-PD"),
        (("present", "unequivocal-progression"), "PD"),
        (("present", "not-evaluable"), "NE"),
        (("present", None), "NE"),
    ],
)
def test_one_non_target(found: tuple[str | None, ...], expected: str) -> None:
    """The recorded state decides: absent, present, progressed; nothing recorded is not evaluable."""
    assert [v.non_target for v in course(*states(*found)).visits] == [expected]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("absent", "absent", "CR"),
        ("absent", "present", "NON-CR/NON-PD"),
        ("absent", "not-evaluable", "NE"),
        ("not-evaluable", "unequivocal-progression", "PD"),
        ("present", "unequivocal-progression", "PD"),
    ],
)
def test_several_non_targets(first: str, second: str, expected: str) -> None:
    """One that progressed decides; otherwise all must be assessed, and all gone for a complete response."""
    facts = [*states("present", first), *states("present", second, name="non-target-2")]

    assert [v.non_target for v in course(*facts).visits] == [expected]


def test_a_non_target_not_recorded_at_a_visit_was_not_assessed() -> None:
    """Absent from the records is not absent from the patient."""
    found = course(*scans("50", "0"), non_target("present", BASELINE)).visits[0]

    assert (found.target, found.non_target, found.response) == ("CR", "NE", "PR")
    assert found.problems == ("a non-target lesion in the lung: not assessed",)


def test_a_non_target_in_the_liver_without_enhancement_is_gone() -> None:
    """By mRECIST a lesion in the liver that is seen, but shows no viable tumour, counts as gone."""
    liver = {"organ": "liver", "longest": "30"}
    facts = [
        non_target("present", BASELINE, viable="20", **liver),
        non_target("present", VISITS[0], viable="0", **liver),
    ]

    assert [v.non_target for v in course(*facts).visits] == ["CR"]


@pytest.mark.parametrize(("short_axis", "expected"), [("9.9", "CR"), ("10", "NON-CR/NON-PD")])
def test_a_normal_node_is_gone(short_axis: str, expected: str) -> None:
    """A non-target node below 10 mm short axis is normal."""
    facts = [
        non_target("present", BASELINE, organ="node", short_axis="14"),
        non_target("present", VISITS[0], organ="node", short_axis=short_axis),
    ]

    assert [v.non_target for v in course(*facts).visits] == [expected]


def test_reappearance_of_a_non_target_after_complete_response_is_progression() -> None:
    """After an overall complete response a non-target lesion that is seen again is progression."""
    found = course(*scans("50", "0", "0"), *states("present", "absent", "present"))

    assert responses(found) == ["CR", "PD"]
    assert found.visits[1].non_target_rule == "reappearance-after-complete-response"


def test_without_complete_response_a_non_target_that_returns_is_no_progression() -> None:
    """As long as targets remain, a non-target lesion seen again is persistence."""
    assert responses(course(*scans("50", "50", "50"), *states("present", "absent", "present"))) == [
        "SD",
        "SD",
    ]


def test_worse_ascites_is_no_progression() -> None:
    """Ascites without proof of malignancy changes no response."""
    facts = [*scans("50", "50"), *states("present", "present")]
    ascites = [
        build.finding("ascites", "none", on=BASELINE),
        build.finding("ascites", "moderate-severe", on=VISITS[0]),
    ]

    assert course(*facts, *ascites).visits == course(*facts).visits

"""Specification of Hy's law and of the pattern of liver injury (FDA 2009), at each bound."""

from __future__ import annotations

import pytest

from shared.facts import AnyFact
from tests.spec.safety.trial import case, liver, normal_baseline, rejection

BASELINES = [
    normal_baseline("alt"),
    normal_baseline("ast"),
    normal_baseline("alp", "90"),
    normal_baseline("bilirubin-total", "1"),
]


def values(
    alt: str = "120", bilirubin: str = "2.4", alp: str = "100", bilirubin_on: str = "2024-05-03"
) -> list[AnyFact]:
    """ALT at 3 x ULN, bilirubin at 2 x ULN and ALP below 2 x ULN on 3 May, unless said otherwise."""
    return [
        liver("alt", alt, "2024-05-03"),
        liver("bilirubin-total", bilirubin, bilirubin_on),
        liver("alp", alp, "2024-05-03"),
    ]


@pytest.mark.parametrize(
    ("facts", "met"),
    [
        (values(), True),
        (values(alt="119.9"), False),
        (values(bilirubin="2.39"), False),
        (values(alp="239.9"), True),
        (values(alp="240"), False),
        (values(bilirubin_on="2024-05-17"), True),
        (values(bilirubin_on="2024-05-18"), False),
        ([*values(alt="50"), liver("ast", "120", "2024-05-03")], True),
    ],
)
def test_hys_law_is_exact_at_each_bound(facts: list[AnyFact], met: bool) -> None:
    """ALT or AST >= 3 x ULN and bilirubin >= 2 x ULN within 14 days, ALP < 2 x ULN."""
    assert (case("hys-law", *BASELINES, *facts) is not None) is met


@pytest.mark.parametrize(("alt", "met"), [("300", True), ("299.9", False)])
def test_multiples_are_of_an_abnormal_baseline(alt: str, met: bool) -> None:
    """With a baseline ALT of 100 (limit 40) the bound is 300."""
    facts = [liver("alt", "100", "2024-04-10"), *BASELINES[1:], *values(alt=alt)]
    assert (case("hys-law", *facts) is not None) is met


def test_the_law_is_met_when_its_second_value_comes() -> None:
    """Its onset is the later of the two values."""
    found = case("hys-law", *BASELINES, *values(bilirubin_on="2024-05-10"))
    assert found is not None
    assert found["onset_on"] == "2024-05-10"
    assert found["seriousness"] == ["medically-important"]


def test_without_alp_the_law_is_not_settled_and_says_so() -> None:
    """It is a candidate that names what is missing; an ALP that explains the injury withdraws it."""
    facts = [*BASELINES, *values()[:2]]
    found = case("hys-law", *facts)
    assert found is not None
    assert found["title"] == "Hy's law, ALP not known"
    assert found["says"].startswith("Hy's law cannot be settled: ALT 120 U/L (grade 1) on 3 May 2024")
    assert "no ALP within 14 days" in found["says"]
    assert any("no ALP within 14 days" in reason for reason in rejection(*facts)["ungradable"])
    assert case("hys-law", *facts, liver("alp", "240", "2024-05-04")) is None
    settled = case("hys-law", *facts, liver("alp", "239", "2024-05-04"))
    assert settled is not None
    assert settled["title"] == "Hy's law"


def test_alp_without_its_limit_leaves_the_law_open_and_says_so() -> None:
    """Nobody is told that there was no ALP."""
    found = case("hys-law", *BASELINES, *values()[:2], liver("alp", "100", "2024-05-03", high=None))
    assert found is not None
    assert "ALP cannot be held against its limit" in found["says"]


def test_what_alt_or_bilirubin_leave_open_is_no_case() -> None:
    """Only ALP may be missing: an ALT without limit, or none that reaches the multiple, is no candidate."""
    without = [liver("alt", "120", "2024-05-03", high=None), values()[1]]
    assert case("hys-law", *without) is None


def test_alp_of_the_nearest_day_counts() -> None:
    """A cholestatic ALP a week later does not undo what was true on the day."""
    facts = [*BASELINES, *values(), liver("alp", "900", "2024-05-10")]
    assert case("hys-law", *facts) is not None


@pytest.mark.parametrize(
    ("alp", "pattern"), [("240", "hepatocellular"), ("240.1", None), ("599.9", None), ("600", "cholestatic")]
)
def test_pattern_is_exact_at_its_bounds(alp: str, pattern: str | None) -> None:
    """ALT 400 of 40 is 10 x ULN: R is 5 at ALP 2 x ULN and 2 at ALP 5 x ULN."""
    against = rejection(*BASELINES, liver("alt", "400", "2024-05-03"), liver("alp", alp, "2024-05-03"))[
        "speaks_against"
    ]
    assert ([s for s in against if " pattern (R " in s] != []) is (pattern is not None)
    assert pattern is None or pattern in " ".join(against)

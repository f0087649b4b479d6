"""Specification of safety by whole courses that are easily missed or easily overcalled: what is told of each, and why."""

from __future__ import annotations

import msgspec
import pytest

from shared.facts import AnyFact
from tests.spec.safety.trial import case, evaluated, first_dose, liver, normal_baseline, rejection, toxicity
from tests.support import build


def test_the_baseline_may_be_raised_and_fall_and_rise_again() -> None:
    """ALT 400 before the dose, 60 after two weeks, 390 later: by multiples of the baseline nothing, and yet a rise."""
    course = [normal_baseline(value="400"), liver("alt", "60", "2024-04-28"), liver("alt", "390", "2024-05-03")]
    content = rejection(*course)
    assert (content["level"], content["rule"]) == ("watch", "rising-from-lowest")
    assert "the lowest since (ALT 60 U/L" in content["says"]
    assert content["episode"]["state"] == "watch"
    resolved = rejection(*course, liver("alt", "38", "2024-05-20"))
    assert (resolved["level"], resolved["episode"]["state"]) == ("none", "resolved")


@pytest.mark.parametrize(
    ("test", "value", "unit", "high", "grade"),
    [
        ("ast", "3.4", "ukat/L", "0.67", 3),
        ("ast", "3.35", "ukat/L", "0.67", 2),
        ("alt", "3400", "nkat/L", "670", 3),
        ("bilirubin-total", "61.6", "umol/L", "20.5", 3),
        ("bilirubin-total", "61.5", "umol/L", "20.5", 2),
    ],
)
def test_units_of_other_countries_give_the_same_grades(test: str, value: str, unit: str, high: str, grade: int) -> None:
    """Multiples of the limit: > 5 x ULN of AST and ALT, > 3 x ULN of bilirubin are grade 3."""
    baseline = build.lab(test, high, unit, on="2024-04-10", high=high)
    assert toxicity(test, baseline, build.lab(test, value, unit, on="2024-05-03", high=high))["worst_grade"] == grade


@pytest.mark.parametrize(("trough", "level"), [("<2.0", "suspected"), ("<3", "suspected"), ("<5.0", "watch")])
def test_a_trough_below_the_limit_of_detection_speaks_where_it_proves_something(trough: str, level: str) -> None:
    """Below 2.0 is below the band of 3 to 5; below 5.0 may be anything, and is no cause."""
    facts = [normal_baseline(), liver("alt", "150", "2024-05-03"), build.lab("tacrolimus-trough", trough, "ng/mL")]
    assert rejection(*facts)["level"] == level


def test_alp_without_a_limit_is_named_and_stops_nothing() -> None:
    """ALP is not gradable; ALT beside it is."""
    facts = [normal_baseline(), liver("alp", "900", "2024-05-03", high=None), liver("alt", "412", "2024-05-03")]
    content = rejection(*facts)
    assert content["level"] == "suspected"
    assert any("ALP" in reason and "no usable upper limit of normal" in reason for reason in content["ungradable"])


def test_a_value_moved_before_the_dose_becomes_the_baseline() -> None:
    """Corrected to another date, the peak of 3 May is one of 10 April: no toxicity, and what follows is held against it."""
    peak, later = liver("alt", "412", "2024-05-03", key="peak"), liver("alt", "420", "2024-05-10")
    assert rejection(normal_baseline(), peak)["level"] == "suspected"
    moved = build.record(msgspec.structs.replace(peak, occurred=build.on_date("2024-04-12")), "peak", "2")
    content = rejection(normal_baseline(), moved, later)
    assert content["level"] == "none"
    assert toxicity("alt", normal_baseline(), moved, later)["worst_grade"] == 0


@pytest.mark.parametrize(("on", "level"), [("2024-04-14", "none"), ("2024-04-14T11:00:00Z", "suspected")])
def test_a_value_of_the_day_of_the_first_dose(on: str, level: str) -> None:
    """Without a time it is taken for the sample before the infusion (10:00), and is the baseline; with one it is placed."""
    assert rejection(normal_baseline(), liver("alt", "412", on))["level"] == level


def test_two_deaths_of_one_patient_are_one_case_of_the_first_day() -> None:
    """Two records with two dates: both are evidence, the earlier dates it."""
    content = case("death", build.died("2024-05-09", key="a"), build.died("2024-05-03", key="b"))
    assert content is not None
    assert content["onset_on"] == "2024-05-03"
    known = evaluated(first_dose(), build.died("2024-05-09", key="a"), build.died("2024-05-03", key="b"))
    assert [o.subject for o in known.outcomes if o.kind == "adverse-event"] == ["death"]


def test_a_tumour_marker_is_no_toxicity() -> None:
    """AFP in the ten thousands is the disease: no grade, no case."""
    known = evaluated(first_dose(), build.lab("afp", "48000", "ng/mL", on="2024-05-03", high="7"))
    assert not [o for o in known.outcomes if o.kind in ("toxicity", "adverse-event")]


def test_a_stay_planned_before_the_dose_and_prolonged_after_it() -> None:
    """Admitted for the first infusion, discharged three weeks later: hospitalisation was prolonged."""
    stay = build.stay(on="2024-04-13", until="2024-05-04", planned=True, key="stay-1")
    content = case("stay/stay-1", stay)
    assert content is not None
    assert (content["onset_on"], content["seriousness"]) == ("2024-04-22", ["hospitalisation"])


def test_a_biopsy_whose_report_concludes_nothing_coded_is_named() -> None:
    """A report in words alone proves nothing and denies nothing: it must be read, and staff are told to."""
    content = rejection(normal_baseline(), build.pathology_report(concludes=(), on="2024-05-09"))
    assert content["level"] == "none"
    assert any("states no coded diagnosis" in reason for reason in content["ungradable"])
    assert "not everything can be judged" in content["says"]


def test_a_severe_value_that_never_becomes_final_is_watched() -> None:
    """And graded only when it is final."""
    preliminary = liver("alt", "900", "2024-05-03", final=False, key="r")
    content = rejection(normal_baseline(), preliminary)
    assert content["level"] == "watch"
    assert "preliminary: no final result yet" in content["says"]
    assert toxicity("alt", normal_baseline(), preliminary)["worst_grade"] is None


def test_a_result_in_words_of_a_trough_is_no_value() -> None:
    """What has no number is neither low nor sufficient; it is not taken for 0."""
    said: AnyFact = build.lab("tacrolimus-trough", None, text="negative")
    facts = [normal_baseline(), liver("alt", "150", "2024-05-03"), said]
    assert rejection(*facts)["level"] == "watch"


def test_limits_that_differ_between_laboratories_are_each_their_own_result_s() -> None:
    """ALT 60 with a limit of 70 is normal; the same with 40 is grade 1, though the baseline was measured elsewhere."""
    assert toxicity("alt", normal_baseline(), liver("alt", "60", "2024-05-03", high="70"))["worst_grade"] == 0
    assert toxicity("alt", normal_baseline(), liver("alt", "60", "2024-05-03"))["worst_grade"] == 1

"""Specification of laboratory toxicity: what is graded, against which baseline, and what is shown."""

from __future__ import annotations

import pytest

from services.safety.adverse_events import KIND
from tests.spec.safety.trial import PROTOCOL, evaluated, find, first_dose, liver, normal_baseline, toxicity
from tests.support import build


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ("alt", "40", 0),
        ("alt", "40.1", 1),
        ("alt", "120", 1),
        ("ast", "120.1", 2),
        ("ast", "200", 2),
        ("alt", "200.1", 3),
        ("alt", "800", 3),
        ("alt", "800.1", 4),
        ("alp", "300", 1),
        ("ggt", "150.1", 2),
        ("bilirubin-total", "1.8", 1),
        ("bilirubin-total", "3.6", 2),
        ("bilirubin-total", "12", 3),
        ("bilirubin-total", "12.1", 4),
    ],
)
def test_result_is_graded_by_multiples_of_the_limit_over_a_normal_baseline(
    test: str, value: str, expected: int
) -> None:
    """CTCAE 5.0: over a normal baseline grades are multiples of the upper limit of normal, bounds included."""
    baseline = "1" if test == "bilirubin-total" else "30"
    content = toxicity(test, normal_baseline(test, baseline), liver(test, value, "2024-05-03"))
    assert content["worst_grade"] == expected
    assert content["worst_on"] == "2024-05-03"


@pytest.mark.parametrize(("value", "expected"), [("149.9", 0), ("150", 1), ("300", 1), ("300.1", 2), ("2000.1", 4)])
def test_result_is_graded_by_multiples_of_an_abnormal_baseline(value: str, expected: int) -> None:
    """CTCAE 5.0: over an abnormal baseline (ALT 100, limit 40) grades are multiples of that baseline."""
    facts = (liver("alt", "100", "2024-04-10"), liver("alt", value, "2024-05-03"))
    assert toxicity("alt", *facts)["worst_grade"] == expected


def test_the_last_value_before_the_first_dose_is_the_baseline() -> None:
    """An older value is not the baseline, nor is one taken after the dose was given that day."""
    facts = (
        liver("alt", "100", "2024-04-01"),
        liver("alt", "30", "2024-04-14T09:00:00Z"),
        liver("alt", "130", "2024-04-14T11:00:00Z"),
    )
    content = toxicity("alt", *facts)
    assert (content["worst_grade"], content["worst_on"]) == (2, "2024-04-14")


def test_a_sample_of_the_day_of_the_first_dose_without_time_is_a_baseline() -> None:
    """Blood is taken before the infusion; such a sample is never graded as toxicity."""
    facts = (liver("alt", "100", "2024-04-14"), liver("alt", "149", "2024-05-03"))
    content = toxicity("alt", *facts)
    assert (content["worst_grade"], content["worst_on"]) == (0, "2024-05-03")


@pytest.mark.parametrize(("on", "expected"), [("2024-03-17", 2), ("2024-03-16", None)])
def test_a_baseline_is_at_most_so_many_days_old(on: str, expected: int | None) -> None:
    """28 days before the first dose still count (protocol: baseline_days)."""
    assert toxicity("alt", liver("alt", "30", on), liver("alt", "130", "2024-05-03"))["worst_grade"] == expected


def test_of_two_last_values_of_one_day_the_lower_is_the_baseline() -> None:
    """Values that their dates cannot order: the lower one never makes a grade too low."""
    facts = [liver("alt", v, "2024-04-10") for v in ("30", "100")]
    assert toxicity("alt", *facts, liver("alt", "150", "2024-05-03"))["worst_grade"] == 2


def test_a_preliminary_value_is_no_baseline_and_no_grade() -> None:
    """What is not final is shown as not gradable, and decides nothing."""
    facts = (
        normal_baseline(),
        liver("alt", "200", "2024-04-12", final=False),
        liver("alt", "900", "2024-05-03", final=False),
    )
    content = toxicity("alt", *facts)
    assert content["worst_grade"] is None
    assert content["ungradable"] == ["ALT on 3 May 2024: not final yet"]


def test_missing_limits_are_named_not_passed_over() -> None:
    """A result without a limit of normal is not gradable, and the outcome says why."""
    content = toxicity("alt", normal_baseline(), liver("alt", "90", "2024-05-03", high=None))
    assert (content["worst_grade"], content["latest_grade"]) == (None, None)
    assert "upper limit of normal" in content["ungradable"][0]


def test_a_result_whose_date_does_not_tell_is_named() -> None:
    """A result of April 2024 may precede the first dose: it is neither baseline nor toxicity."""
    content = toxicity("alt", normal_baseline(), liver("alt", "900", "2024-04"))
    assert content["worst_grade"] is None
    assert "before or after the first dose" in content["ungradable"][0]


def test_a_result_without_value_is_named() -> None:
    """A haemolysed sample is an unknown, not a normal result."""
    content = toxicity("alt", build.lab("alt", None, on="2024-05-03", absent_reason="haemolysed"))
    assert content["ungradable"] == ["ALT on 3 May 2024: no value (haemolysed)"]


def test_worst_and_latest_are_kept_apart() -> None:
    """The worst grade stays with its first date when later values are better."""
    values = [("410", "2024-05-03"), ("500", "2024-05-06"), ("90", "2024-05-20")]
    content = toxicity("alt", normal_baseline(), *(liver("alt", v, on) for v, on in values))
    assert (content["worst_grade"], content["worst_on"]) == (3, "2024-05-03")
    assert (content["latest_grade"], content["latest_on"]) == (1, "2024-05-20")
    assert content["worst_says"].startswith("ALT 410 U/L (grade 3) on 3 May 2024: >5.0 - 20.0 x ULN")


def test_nothing_is_said_before_the_first_dose() -> None:
    """Without a dose there is no toxicity, no rejection and no adverse event of the trial."""
    facts = (liver("alt", "900", "2024-05-03"), build.died("2024-05-20"), build.stay(on="2024-05-10"))
    assert evaluated(*facts).outcomes == ()


def test_results_dated_in_the_future_wait() -> None:
    """A result dated after the evaluation decides nothing yet; the evaluation is valid until then."""
    evaluation = evaluated(first_dose(), normal_baseline(), liver("alt", "900", "2024-06-02"), at="2024-06-01")
    assert find(evaluation, "toxicity", "alt") is None
    assert evaluation.valid_until == build.at("2024-06-02T00:00:00+00:00")


def test_evidence_names_first_dose_result_and_baseline() -> None:
    """A grade cites everything that it rests on."""
    evaluation = evaluated(first_dose(), normal_baseline(), liver("alt", "90", "2024-05-03"))
    found = find(evaluation, "toxicity", "alt")
    assert found is not None
    said = sorted(e.says for e in found.evidence)
    assert said == ["ALT 90 U/L (grade 1)", "baseline ALT 30 U/L", "first dose"]
    assert not [o for o in evaluation.outcomes if o.kind == KIND]


def test_the_course_of_a_toxicity_has_onset_worst_resolution_and_days() -> None:
    """Grade 1 on 20 April, 3 on 3 May, normal on 10 May: 21 days; it begins anew on 20 May."""
    values = (("60", "2024-04-20"), ("250", "2024-05-03"), ("30", "2024-05-10"), ("70", "2024-05-20"))
    course = toxicity("alt", normal_baseline(), *(liver("alt", v, on) for v, on in values))["course"]
    assert [(c["onset_on"], c["worst_grade"], c["resolved_on"], c["days"]) for c in course] == [
        ("2024-04-20", 3, "2024-05-10", 21),
        ("2024-05-20", 1, None, None),
    ]
    assert course[0]["attributable"] is True


def test_the_protocol_s_version_of_ctcae_grades() -> None:
    """Limit 40, baseline 100, value 250: grade 1 in version 5.0 and grade 3 in version 6.0."""
    facts = (first_dose(), normal_baseline(value="100"), liver("alt", "250", "2024-05-03"))
    version = PROTOCOL.safety.ctcae_version.model_copy(update={"value": "6.0"})
    six = PROTOCOL.model_copy(update={"safety": PROTOCOL.safety.model_copy(update={"ctcae_version": version})})
    found = [find(evaluated(*facts, protocol=p), "toxicity", "alt") for p in (PROTOCOL, six)]
    assert [(o.content["ctcae"], o.content["worst_grade"]) for o in found if o is not None] == [("5.0", 1), ("6.0", 3)]

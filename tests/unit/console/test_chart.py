"""How a timeline becomes the chart of a patient, and facts become lines for trial staff."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from services.console import fact_words
from services.console.chart import chart
from shared import facts
from shared.protocol import load as protocol_files
from tests.support import build

PROTOCOL = protocol_files.load()["camrelizumab-hcc-transplant"]
AT = build.at("2024-07-01T00:00:00Z")


def _drawn(*stated: facts.AnyFact, current: Any = None) -> Any:
    return chart(build.timeline(*stated), PROTOCOL, current or {}, (), AT)


def test_a_liver_test_is_a_multiple_of_the_limit_that_came_with_it() -> None:
    """160 U/L with a limit of 40 is 4 × ULN; one without a limit cannot be drawn so."""
    drawn = _drawn(build.lab("alt", "160", high="40", key="a"), build.lab("ast", "90", key="b"))
    assert [(s.name, s.values[0].value, s.values[0].record) for s in drawn.liver] == [
        ("Alanine aminotransferase (ALT)", 4.0, "Observation/a")
    ]
    assert drawn.liver[0].values[0].says == "160 U/L, limit 40 U/L"


def test_a_trough_lies_in_the_protocols_band() -> None:
    """The band comes from the protocol, in the unit of the values."""
    (series,) = _drawn(build.lab("tacrolimus-trough", "4.2", "ng/mL")).troughs
    assert (series.name, series.unit, series.band, series.values[0].value) == ("Tacrolimus", "ng/mL", (3.0, 5.0), 4.2)


def test_a_drug_lasts_as_long_as_its_record_says() -> None:
    """What was not taken is not drawn; the first dose is the trial drug's."""
    drawn = _drawn(
        build.drug("sorafenib", on="2024-01-01", until="2024-02-01", key="s"),
        build.drug("tacrolimus", on="2024-01-01", taken=False, status="not-taken"),
        build.dose(on="2024-05-10"),
    )
    assert {(d.row, d.trust, d.end is not None) for d in drawn.drugs} == {
        ("Sorafenib", "statement", True),
        ("Camrelizumab", "administration", False),
    }
    assert drawn.first_dose_at is not None
    assert drawn.first_dose_at.date().isoformat() == "2024-05-10"


def test_grades_and_sums_are_those_that_were_decided() -> None:
    """The chart derives none: it shows the spans and visits of the outcomes that it is given."""
    span = {"onset_on": "2024-06-01", "worst_grade": 3, "resolved_on": None, "attributable": True}
    visit = {
        "visit_on": "2024-06-20",
        "sum_mm": "30",
        "response": "PR",
        "percent_from_baseline": "-50",
        "says": "partial",
    }
    current = {
        ("safety", "toxicity", "alt"): {"term": "ALT increased", "course": [span]},
        ("response", "baseline", ""): {"baseline_on": "2024-05-01", "sum_mm": "60"},
        ("response", "assessment", "2024-06-20"): visit,
    }
    drawn = _drawn(current=current)
    assert [(g.term, g.worst_grade, g.resolved_on) for g in drawn.grades] == [("ALT increased", 3, None)]
    assert [(s.response, s.sum_mm) for s in drawn.tumour] == [("baseline", 60.0), ("PR", 30.0)]


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (build.lab("alt", "160", high="40"), "Alanine aminotransferase (ALT) 160 U/L, normal up to 40"),
        (build.lab("platelets", "80", low="150", high="400"), "Platelets 80 × 10⁹/L, normal 150 to 400"),
        (build.lab("tsh", None, absent_reason="error"), "Thyrotropin (TSH) no value: error"),
        (build.drug("sorafenib", dose="400", doses_per_day="2"), "Sorafenib, statement, 2 × 400 mg a day, active"),
        (build.died(None), "died"),
        (build.biopsy("bile-duct", 2), "Banff bile duct 2 of 3"),
    ],
)
def test_a_fact_reads_as_a_line(fact: facts.AnyFact, said: str) -> None:
    """With value, unit and limits; what is missing is said to be."""
    assert fact_words.says(fact) == said


def test_every_kind_of_fact_has_a_heading() -> None:
    """None is lost under a heading of its own."""
    assert set(fact_words.GROUPS) == set(get_args(facts.AnyFact))

"""The response outcomes of a patient under a protocol, with their sentences and evidence."""

from __future__ import annotations

from typing import Any

import pytest

from services.response.evaluate import evaluate
from shared.facts import AnyFact
from shared.outcomes import Evaluation
from tests.spec.response.courses import BASELINE, FIRST_DOSE, LATER, VISITS, new, scans, states, target
from tests.spec.response.treated import content, evaluated, outcome, protocol
from tests.support import build


def test_there_is_no_response_before_the_first_dose() -> None:
    """Without a dose of the trial's drug there are no outcomes, however many scans there are."""
    found = evaluate(build.timeline(*scans("50", "30")), protocol(), build.at(LATER))

    assert found == Evaluation((), None)


def test_the_outcomes_of_a_responder() -> None:
    """Baseline, one assessment per visit, best response confirmed, no progression, and every endpoint."""
    found = evaluated(*scans("66", "41", "40"))

    assert [(o.kind, o.subject) for o in found.outcomes] == [
        ("baseline", ""),
        ("assessment", VISITS[0]),
        ("assessment", VISITS[1]),
        ("best-response", ""),
        ("progression", ""),
        ("endpoint", "ORR"),
        ("endpoint", "DCR"),
        ("endpoint", "TTR"),
        ("endpoint", "DOR"),
        ("endpoint", "PFS"),
        ("endpoint", "TTP"),
        ("endpoint", "OS"),
        ("contribution", ""),
    ]
    assert content(found, "baseline") == {
        "baseline_on": BASELINE,
        "sum_mm": "66",
        "targets": [{"organ": "liver", "diameter": "viable", "size_mm": "66", "not_measured": None}],
        "reader": "reader-1",
        "problems": [],
    }
    assert content(found, "best-response") == {
        "unconfirmed": "PR",
        "confirmed": "PR",
        "primary": "PR",
        "on": VISITS[0],
        "confirmed_on": VISITS[1],
        "new_therapy_on": None,
        "says": "best response: partial response on 26 June 2024, confirmed on 21 August 2024",
    }
    assert content(found, "progression") == {"progression_on": None, "says": "no progression so far"}


def test_an_assessment_says_everything_it_rests_on() -> None:
    """Response and its parts, sums, exact changes cut to one decimal, the rules that decided, the reader."""
    stated = build.response_statement("SD", on=VISITS[0], key="stated")
    found = evaluated(*scans("66", "41"), *states("present", "present"), stated)

    assert content(found, "assessment", VISITS[0]) == {
        "visit_on": VISITS[0],
        "response": "PR",
        "target": "PR",
        "non_target": "NON-CR/NON-PD",
        "new_lesion": False,
        "sum_mm": "41",
        "measured_mm": "41",
        "baseline_sum_mm": "66",
        "nadir_mm": "66",
        "percent_from_baseline": "-37.8",
        "percent_from_nadir": "-37.8",
        "rule": "partial-response",
        "target_rule": "decrease-from-baseline",
        "non_target_rule": "non-targets-persist",
        "says": "partial response: sum 41 mm on 26 June 2024, 37.8 % below baseline 66 mm",
        "reader": "reader-1",
        "problems": ["a reader states SD; derived is PR (Observation/stated)"],
        "stated": ["SD"],
    }


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (scans("50", "50"), "stable disease: sum 50 mm on 26 June 2024, as at baseline"),
        (scans("50", "66.66"), "progressive disease: sum 66.66 mm on 26 June 2024, 33.3 % above nadir 50 mm"),
        (
            scans("50", "0"),
            "complete response on 26 June 2024: all target lesions and all non-target lesions responded completely",
        ),
        (
            [*scans("50", "84"), target("20", BASELINE, "target-2")],
            "progressive disease: sum of the measured targets alone 84 mm on 26 June 2024, 20 % above nadir 70 mm",
        ),
        ([*scans("50", "20"), new(VISITS[0])], "progressive disease on 26 June 2024: a new lesion appeared"),
        (
            scans("50", None),
            "not evaluable on 26 June 2024: what was assessed shows no progression, and is not enough for a response",
        ),
    ],
)
def test_a_visit_in_one_sentence(facts: list[AnyFact], says: str) -> None:
    """What was found, when, and compared with what."""
    assert content(evaluated(*facts), "assessment", VISITS[0])["says"] == says


def test_a_sum_that_returns_from_zero_in_one_sentence() -> None:
    """There is no percentage of 0."""
    found = evaluated(*scans("50", "0", "3"), *states("present", "present", "present"))

    says = content(found, "assessment", VISITS[1])["says"]
    assert says == "progressive disease: sum 3 mm on 21 August 2024, above nadir 0 mm"


def test_an_assessment_cites_its_scans_and_those_it_was_compared_with() -> None:
    """Baseline, nadir and the visit's own records are evidence; the visit between is not."""
    facts = scans("50", "30", "35", "40")
    cited = {e.fact_id for e in outcome(evaluated(*facts), "assessment", VISITS[2]).evidence}

    assert cited == {facts[0].fact_id, facts[1].fact_id, facts[3].fact_id}


def test_a_later_record_that_dates_progression_back_is_cited() -> None:
    """The visit at which a nodule was first seen cites the scan that proved it."""
    typical: dict[str, Any] = {"organ": "liver", "hyperenhancement": True, "washout": True}
    proof = new(VISITS[2], longest="15", **typical)
    found = evaluated(*scans("50", "50", "50", "50"), new(VISITS[0], longest="5", organ="liver"), proof)

    assert content(found, "progression")["progression_on"] == VISITS[0]
    assert proof.fact_id in {e.fact_id for e in outcome(found, "progression").evidence}


def test_the_primary_best_response_is_the_protocol_s() -> None:
    """Confirmed and unconfirmed are both reported; the protocol says which is primary."""
    facts = scans("50", "30")

    assert content(evaluated(*facts), "best-response")["primary"] == "PR"
    assert content(evaluated(*facts, primary_confirmed=True), "best-response")["primary"] == "SD"


def test_a_best_response_that_was_not_confirmed_says_so() -> None:
    """The sentence names the confirmed best response beside the unconfirmed one."""
    assert content(evaluated(*scans("50", "30")), "best-response")["says"] == (
        "best response: partial response on 26 June 2024, not confirmed; confirmed best response: stable disease"
    )


def test_two_visits_of_one_date_are_both_kept() -> None:
    """Two visit numbers on one day give two outcomes with two subjects."""
    found = evaluated(target("50", BASELINE), target("50", VISITS[0], visit=2), target("40", VISITS[0], visit=3))

    assert [o.subject for o in found.outcomes if o.kind == "assessment"] == [VISITS[0], f"{VISITS[0]}/2"]


def test_a_scan_dated_tomorrow_ends_the_validity() -> None:
    """The outcome stands until the first fact dated later begins to count."""
    found = evaluated(*scans("50", "50", "50"), at="2024-07-01")

    assert found.valid_until == build.at(f"{VISITS[1]}T00:00:00+00:00")
    assert len([o for o in found.outcomes if o.kind == "assessment"]) == 1


def test_the_criteria_are_the_protocol_s() -> None:
    """By RECIST 1.1 the longest diameter of a lesion in the liver counts."""
    found = evaluated(*scans("50", "20", longest="60"), criteria="recist11")

    assert content(found, "assessment", VISITS[0])["response"] == "SD"


def test_a_first_dose_dated_to_the_month_is_named() -> None:
    """The first day that it may mean counts as start."""
    dose = build.dose(on="2024-05")
    found = evaluate(build.timeline(dose, *scans("50", "30")), protocol(), build.at(LATER))

    assert content(found, "baseline")["problems"] == [
        "the first dose is recorded without its day: the first day that it may mean counts"
    ]


@pytest.mark.parametrize(
    ("drugs", "ends"),
    [
        ([build.drug("sorafenib", on="2023-10-01")], False),
        ([build.drug("sorafenib", on="2023-10-01"), build.drug("sorafenib", on="2024-06-01", key="again")], False),
        ([build.drug("sorafenib", on="2023-10-01"), build.drug("lenvatinib", on="2024-06-01")], True),
        (
            [build.drug("sorafenib", on="2023-10-01", until="2024-03-01"), build.drug("sorafenib", on="2024-06-01")],
            True,
        ),
        (
            [build.drug("sorafenib", on="2023-10-01", until="2024-05-20"), build.drug("sorafenib", on="2024-06-01")],
            False,
        ),
        ([build.drug("lenvatinib", on=FIRST_DOSE)], False),
        ([build.drug("lenvatinib", on="2024-06-01", by="request", taken=None)], False),
        ([build.drug("lenvatinib", on="2024-06-01", taken=False)], False),
        ([build.drug("lenvatinib", on=None)], False),
        ([build.drug("tacrolimus", on="2024-06-01")], False),
    ],
)
def test_new_anticancer_therapy_ends_the_best_response(drugs: list[AnyFact], ends: bool) -> None:
    """A targeted drug begun after the first dose does; one continued, one only ordered, no anticancer drug do not."""
    found = content(evaluated(*scans("50", "30"), *drugs), "best-response")

    assert (found["new_therapy_on"], found["unconfirmed"]) == (("2024-06-01", "NE") if ends else (None, "PR"))


def test_a_drug_that_may_be_a_new_therapy_is_named() -> None:
    """Ordered but not recorded as taken, or without a date: named, so that staff can complete the record."""
    found = evaluated(
        build.drug("lenvatinib", on="2024-06-01", by="request", taken=None), build.drug("sorafenib", on=None)
    )

    assert content(found, "baseline")["problems"] == [
        "no assessment in the baseline window before the first dose",
        "Lenvatinib was ordered after the first dose, but not recorded as taken",
        "Sorafenib has no date: whether it is a new therapy is unknown",
    ]

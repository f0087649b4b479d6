"""The endpoints of one patient, rule by rule (`endpoint_cases`), and when time alone changes them."""

from __future__ import annotations

import pytest

from shared.rules.endpoints import disease, response, survival
from tests.spec.response.courses import BASELINE, VISITS, scans, target
from tests.spec.response.endpoint_cases import CASES, STATUS_CASES, Case, StatusCase
from tests.spec.response.treated import content, evaluated, outcome
from tests.support import build


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_an_endpoint_ends_as_its_rules_say(case: Case) -> None:
    """Each case gives its date, event or censoring, and the rule that decided."""
    found = content(evaluated(*case.facts, at=case.at), "endpoint", case.endpoint)

    assert (found["on"], found["event"], found["rule"]) == (case.on, case.event, case.rule)


@pytest.mark.parametrize("case", STATUS_CASES, ids=lambda c: c.id)
def test_a_patient_counts_as_the_rules_say(case: StatusCase) -> None:
    """Each case gives whether the patient counts, unconfirmed and confirmed, and why."""
    found = content(evaluated(*case.facts), "endpoint", case.endpoint)

    assert (found["unconfirmed"], found["confirmed"], found["rule"]) == (case.unconfirmed, case.confirmed, case.rule)


def test_every_rule_of_the_endpoints_has_a_case() -> None:
    """No rule is without an example, and no example speaks of a rule that does not exist."""
    assert {r.name for r in disease.RULES} | {r.name for r in survival.RULES} == {c.rule for c in CASES}
    assert {r.name for r in (*response.RESPONSE, *response.CONTROL)} == {c.rule for c in STATUS_CASES}


@pytest.mark.parametrize(
    ("counts", "ended"), [(True, ("2024-06-26", "new-anticancer-therapy")), (False, ("2024-10-16", "event"))]
)
def test_whether_a_local_treatment_ends_the_evaluation_is_the_protocol_s(counts: bool, ended: tuple[str, str]) -> None:
    """Resection of one lesion between two visits: a new therapy, or one target less to be followed."""
    resection = build.procedure("tumour-resection", on="2024-07-10", lesions=("target-1",))
    facts = [*scans("30", "30", "5", "5"), *scans("20", "20", "20", "90", name="target-2")]
    found = evaluated(*facts, resection, local_treatment_is_new_therapy=counts)

    assert (content(found, "endpoint", "PFS")["on"], content(found, "endpoint", "PFS")["rule"]) == ended
    cited = {e.reference.partition("/")[0] for e in outcome(found, "best-response").evidence}
    assert ("Procedure" in cited) is counts


def test_lengths_count_the_first_and_the_last_day() -> None:
    """End minus start plus one day."""
    found = content(evaluated(*scans("50", "80")), "endpoint", "PFS")

    assert (found["start_on"], found["on"], found["days"]) == ("2024-05-01", "2024-06-26", 57)
    assert found["says"] == (
        "progression-free survival: disease progression on 26 June 2024, after 57 days (1.8 months)"
    )


def test_a_censored_endpoint_says_why() -> None:
    """Until when, after how long, and the clinical reason."""
    assert content(evaluated(*scans("50", "50"), at="2024-07-01"), "endpoint", "PFS")["says"] == (
        "progression-free survival: censored on 26 June 2024 (last adequate assessment), after 57 days (1.8 months). "
        "No event so far: censored at the last adequate assessment."
    )


def test_time_to_response_and_duration_begin_at_the_first_response_even_if_a_better_one_follows() -> None:
    """A partial response that becomes complete began with the partial one."""
    found = evaluated(*scans("50", "30", "0", "0"))

    assert content(found, "endpoint", "TTR")["on"] == VISITS[0]
    assert content(found, "endpoint", "DOR")["start_on"] == VISITS[0]


def test_a_confirmed_response_begins_at_the_first_response_that_was_confirmed() -> None:
    """Interrupted once, it is the second response that is confirmed."""
    found = evaluated(*scans("50", "34", "36", "30", "30"))

    assert content(found, "endpoint", "TTR") | {"says": ""} == {
        "start_on": "2024-05-01",
        "on": VISITS[0],
        "days": 57,
        "confirmed_on": VISITS[2],
        "says": "",
    }


def test_a_patient_without_response_has_no_duration_of_response() -> None:
    """Nor a time to response: both are of responders only."""
    subjects = {o.subject for o in evaluated(*scans("50", "50")).outcomes if o.kind == "endpoint"}

    assert subjects == {"ORR", "DCR", "PFS", "TTP", "OS"}


@pytest.mark.parametrize(
    ("at", "missed", "until"),
    [
        ("2024-09-04", 0, "2024-09-05"),
        ("2024-09-05", 1, "2024-10-31"),
        ("2024-10-30", 1, "2024-10-31"),
        ("2024-10-31", 2, "2024-12-26"),
    ],
)
def test_a_missed_visit_becomes_visible_by_time_alone(at: str, missed: int, until: str) -> None:
    """An interval and a window after the last adequate assessment a visit counts as missed; that instant is known before."""
    found = evaluated(*scans("50", "50"), at=at)

    assert content(found, "endpoint", "PFS")["missed_visits"] == missed
    assert found.valid_until == build.at(f"{until}T00:00:00+00:00")


def test_no_visit_is_missed_after_an_event() -> None:
    """After progression only the end of the trial's observation changes anything by time."""
    found = evaluated(*scans("50", "80"), at="2025-01-01")

    assert content(found, "endpoint", "PFS")["missed_visits"] == 0
    assert found.valid_until == build.at("2026-05-02T00:00:00+00:00")


def test_nothing_changes_by_time_after_the_end_of_observation() -> None:
    """The evaluation stands for ever if nothing is recorded."""
    assert evaluated(*scans("50", "50"), at="2026-05-02").valid_until is None


def test_an_endpoint_cites_the_fact_that_ended_it() -> None:
    """The death, or the scans of the last adequate assessment."""
    death, facts = build.died("2024-10-01"), scans("50", "50")
    found = evaluated(*facts, death)

    assert {e.fact_id for e in outcome(found, "endpoint", "PFS").evidence} == {death.fact_id}
    assert facts[1].fact_id in {e.fact_id for e in outcome(found, "endpoint", "TTP").evidence}


def test_two_dates_of_death_are_named() -> None:
    """The earliest counts, and that the records differ is said."""
    found = evaluated(build.died("2024-10-01"), build.died("2024-09-01"), target("50", BASELINE))

    overall = content(found, "endpoint", "OS")
    assert overall["on"] == "2024-09-01"
    assert overall["problems"] == ["death is recorded with more than one date: the earliest counts"]


def test_a_contact_after_death_is_named() -> None:
    """A laboratory result dated after the death is no proof of life, but somebody must correct one of the two."""
    found = evaluated(build.died("2024-09-01"), build.lab("alt", "30", "U/L", on="2024-09-10"))

    assert content(found, "endpoint", "OS")["problems"] == [
        "the patient is recorded as seen after the date of death: the date of death counts"
    ]

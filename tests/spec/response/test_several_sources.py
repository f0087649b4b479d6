"""What several people say of one scan: each reader's own derivation, statements beside it, adjudication over time."""

from __future__ import annotations

import pytest

from shared.outcomes import Outcome
from tests.spec.response.courses import VISITS, scans
from tests.spec.response.lesion_cases import READ_TWICE
from tests.spec.response.treated import content, evaluated, outcome
from tests.support import build

ACCEPTED = build.attestation("reader-accepted", on="2024-07-01", focus="reader-1", key="accepted")


def problems(*facts: object) -> list[str]:
    """The problems of the baseline, where those of the whole course stand."""
    found: list[str] = content(evaluated(*facts), "baseline")["problems"]  # type: ignore[arg-type]
    return found


def test_each_of_several_readers_has_an_outcome_of_his_own() -> None:
    """With his own visits, best response and progression, and where he differs from the accepted one."""
    found = evaluated(*READ_TWICE, ACCEPTED)
    first, second = (content(found, "reading", f"reader-{n}") for n in (1, 2))

    assert (first["accepted"], second["accepted"]) == (True, False)
    assert (first["best"], second["best"]) == ("PR", "SD")
    assert content(found, "best-response")["unconfirmed"] == "PR"
    assert second["differs"] == [{"visit_on": VISITS[0], "response": "SD", "accepted": "PR"}]
    assert "adjudication may be needed" in second["says"]


def test_an_adjudication_of_the_patient_comes_before_the_protocol_s_reader() -> None:
    """The protocol says who is accepted in general, adjudication who is for this patient."""
    assert content(evaluated(*READ_TWICE, accepted_reader="reader-2"), "best-response")["unconfirmed"] == "SD"
    adjudicated = evaluated(*READ_TWICE, ACCEPTED, accepted_reader="reader-2")
    assert content(adjudicated, "best-response")["unconfirmed"] == "PR"


def test_one_reader_has_no_outcome_beside_the_patient_s() -> None:
    """It would only say everything twice."""
    assert "reading" not in {o.kind for o in evaluated(*scans("50", "30")).outcomes}


def test_an_adjudication_that_expires_is_evaluated_again_then() -> None:
    """Without a new record: at its end the choice falls back on what the baseline says."""
    until = build.attestation("reader-accepted", on="2024-07-01", expires="2024-09-01", focus="reader-1")
    before = evaluated(*READ_TWICE, until, at="2024-08-01")

    assert content(before, "best-response")["unconfirmed"] == "PR"
    assert before.valid_until == build.at("2024-09-02").replace(hour=0, minute=0, second=0, microsecond=0)
    assert content(evaluated(*READ_TWICE, until, at="2024-09-02"), "best-response")["unconfirmed"] == "SD"


@pytest.mark.parametrize(("on", "named"), [(VISITS[0], False), ("2024-06-30", False), ("2024-07-10", True)])
def test_a_statement_speaks_of_the_visit_that_began_within_the_window_before_it(on: str, named: bool) -> None:
    """A report written four days after the scan is of that scan; one after the window is of none, and named."""
    found = evaluated(*scans("50", "30"), build.response_statement("PD", on=on, key="stated"))
    shown: Outcome = outcome(found, "assessment", VISITS[0])

    assert shown.content["stated"] == ([] if named else ["PD"])
    assert shown.content["response"] == "PR"
    assert (
        any("no lesion was measured (Observation/stated)" in p for p in content(found, "baseline")["problems"]) is named
    )


def test_a_statement_without_a_date_is_named() -> None:
    """It can be of any visit."""
    stated = build.response_statement("PD", on=None, key="stated")

    assert "a reader states PD without a date (Observation/stated)" in problems(*scans("50", "30"), stated)


def test_a_statement_before_the_first_dose_is_of_another_treatment() -> None:
    """Progression under the therapy before is why the patient is in the trial."""
    assert problems(*scans("50", "30"), build.response_statement("PD", on="2024-04-01")) == []


def test_problems_of_the_whole_course_name_their_sources() -> None:
    """A measurement without a date is named with its record."""
    undated = build.lesion("target-1", on=None, viable="20", key="undated")

    assert problems(*scans("50", "30"), undated) == [
        "lesion records without a day, or with a date too imprecise to place, are left out (Observation/undated)"
    ]

"""Who is in the simulated cohort, and that it is the same each time."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import pytest

from services.cli.simulate import Simulation, simulate
from services.cli.simulate.model import PHASES
from services.cli.simulate.scenarios.scenario import CRITERIA

_FINGERPRINT = """
import hashlib, pickle
from datetime import date
from services.cli.simulate import simulate
s = simulate(date(2024, 9, 15))
print(hashlib.sha256(repr((s.messages, [p.as_json() for p in s.expected])).encode()).hexdigest())
"""
_DATE = re.compile(rb'"(\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:\d\d))?)"')


def fingerprint(simulation: Simulation) -> str:
    """A hash of everything that a simulation is."""
    everything = (simulation.messages, [p.as_json() for p in simulation.expected])
    return hashlib.sha256(repr(everything).encode()).hexdigest()


def scenarios(simulation: Simulation, prefix: str) -> list[str]:
    """Names of the scenarios that begin so."""
    return [p.scenario for p in simulation.expected if p.scenario.startswith(prefix)]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_same_input_gives_the_same_bytes(simulation: Simulation, hash_seed: str) -> None:
    """Another process, with another order of its sets, simulates the same bytes."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    other = subprocess.run(
        [sys.executable, "-c", _FINGERPRINT], env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == fingerprint(simulation)


def test_another_seed_changes_the_order_and_nothing_else(simulation: Simulation) -> None:
    """The seed shuffles delivery across patients; messages and expectations stay."""
    other = simulate(simulation.as_of, seed=7)
    assert other.messages != simulation.messages
    assert Counter(other.messages) == Counter(simulation.messages)
    assert other.expected == simulation.expected


def test_each_patients_own_order_survives_the_shuffle(simulation: Simulation) -> None:
    """The messages that name a record come in the same order whatever the seed: order effects are built in."""
    other = simulate(simulation.as_of, seed=7)
    assert _by_record(other) == _by_record(simulation)


def test_phases_come_one_after_the_other(simulation: Simulation) -> None:
    """The feed is sorted by phase, and every phase has messages."""
    phases = [m.phase for m in simulation.messages]
    assert phases == sorted(phases)
    assert set(phases) == set(PHASES)


def test_two_sites_share_patient_ids(simulation: Simulation) -> None:
    """There are at least 60 patients, and both hospitals have a patient 1001 and more of the same ids."""
    ids = defaultdict(set)
    for patient in simulation.expected:
        ids[patient.site].add(patient.patient)
    assert len(simulation.expected) >= 60
    assert len(ids["north"] & ids["south"]) >= 30
    assert "1001" in ids["north"] & ids["south"]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_is_failed_by_somebody_and_by_it_alone(simulation: Simulation, criterion: str) -> None:
    """For each criterion somebody is ineligible for just that one, all others being met."""
    failed = [
        [c for c, answer in p.screening["criteria"].items() if answer != "met"]
        for p in simulation.expected
        if p.screening["status"] == "ineligible"
    ]
    assert [criterion] in failed


@pytest.mark.parametrize("criterion", ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11a", "I11e"])
def test_criteria_are_unknown_of_somebody(simulation: Simulation, criterion: str) -> None:
    """For each criterion that often lacks evidence somebody is potentially eligible for want of it."""
    statuses = {
        p.screening["status"] for p in simulation.expected if p.screening["criteria"].get(criterion) == "unknown"
    }
    assert "potentially_eligible" in statuses


@pytest.mark.parametrize(
    "prefix",
    [
        "eligible-",
        "not-candidate-",
        "conflict-",
        "becomes-eligible-",
        "loses-eligibility-corrected-result",
        "loses-eligibility-tombstone",
        "loses-eligibility-bundle-delete",
        "loses-candidacy-diagnosis-in-error",
        "complete-response-",
        "partial-response-",
        "stable",
        "progression-exactly-20-percent",
        "progression-non-target",
        "progression-new-lesion-typical",
        "progression-new-lesion-back-dated",
        "not-measurable",
        "not-evaluable-",
        "measurement-corrected",
        "rejection-watch",
        "rejection-suspected-",
        "rejection-proven-mild",
        "rejection-proven-moderate",
        "rejection-proven-severe",
        "rejection-provisional-refuted",
        "inpatient-stay",
        "planned-stay",
        "stay-before-treatment",
        "death-on-study",
        "off-study-",
        "first-infusion-halted",
        "eligible-not-done",
        "eligible-dose-zero",
        "dose-entered-in-error",
        "delivery-duplicates",
        "delivery-out-of-order",
        "delivery-not-conformant",
        "eligible-large-bundle",
    ],
)
def test_the_asked_scenarios_are_there(simulation: Simulation, prefix: str) -> None:
    """Each kind of patient that the demonstration promises is in the cohort."""
    assert scenarios(simulation, prefix)


def test_scenario_names_are_unique(simulation: Simulation) -> None:
    """A scenario is one patient."""
    names = Counter(p.scenario for p in simulation.expected)
    assert not [name for name, times in names.items() if times > 1]


def test_every_status_is_reached_and_changes_are_visible(simulation: Simulation) -> None:
    """All seven statuses occur at the end, and some patients change with each phase."""
    assert {p.screening["status"] for p in simulation.expected} == {
        "not_candidate",
        "ineligible",
        "potentially_eligible",
        "eligible",
        "on_treatment",
        "off_study",
        "merged",
    }
    for before, after in ((1, 2), (2, 3)):
        assert any(p.status_after_phase[before] != p.status_after_phase[after] for p in simulation.expected)


def test_the_last_phase_is_the_expectation(simulation: Simulation) -> None:
    """The status after the last phase is the expected one."""
    assert all(p.status_after_phase[3] == p.screening["status"] for p in simulation.expected)


def test_only_the_treated_have_response_and_safety(simulation: Simulation) -> None:
    """Before the first dose there is no outcome of response or safety."""
    for patient in simulation.expected:
        assert (patient.response is None) == (patient.safety is None)
        if patient.screening["status"] == "on_treatment":
            assert patient.response is not None


@pytest.mark.parametrize("as_of", [date(2024, 9, 15), date(2024, 3, 1), date(2025, 1, 1), date(2024, 12, 31)])
def test_nothing_is_dated_after_the_day_before(as_of: date) -> None:
    """No date in any record lies later than the day before the evaluation, in any time zone."""
    limit = as_of - timedelta(days=1)
    for message in simulate(as_of).messages:
        for text in _DATE.findall(message.value or b""):
            if text not in (b"2024-02-30", b"2023-13-01"):
                assert datetime.fromisoformat(text.decode()).date() <= limit


def test_first_doses_lie_within_the_last_year(simulation: Simulation) -> None:
    """The course of every treated patient fits the year before the evaluation."""
    year_ago = simulation.as_of - timedelta(days=365)
    for message in simulation.messages:
        if b'-dose-1"' in (message.value or b"")[:200]:
            assert any(
                datetime.fromisoformat(t.decode()).date() > year_ago for t in _DATE.findall(message.value or b"")
            )


def _by_record(simulation: Simulation) -> dict[object, list[object]]:
    order: dict[object, list[object]] = defaultdict(list)
    for message in simulation.messages:
        if message.key is not None:
            order[message.headers, message.key].append(message)
    return order

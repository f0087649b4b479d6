"""Decides which patient is at which site, and puts feed and expectations together; answers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from services.cli.simulate.delivery import interleaved, messages
from services.cli.simulate.faults import faults
from services.cli.simulate.hospitals import HOSPITALS, NORTH, SOUTH, Calendar
from services.cli.simulate.model import ExpectedFeed, ExpectedPatient, Simulation
from services.cli.simulate.scenarios import SCENARIOS, Scenario
from services.cli.simulate.writers import Chart

_FIRST_PATIENT: Final = 1001
DEFAULT_SEED: Final = 42


def simulate(as_of: date, seed: int = DEFAULT_SEED) -> Simulation:
    """The cohort's feed and expectations as of a date: the same bytes for the same date and seed.

    Nothing is dated after the day before `as_of`. The seed changes the order across patients, and nothing of
    what is expected.
    """
    charted = [(scenario, _chart(site, patient, as_of)) for scenario, site, patient in placed()]
    faulty_for = charted[0][1]
    patients = [tuple(messages(scenario, chart)) for scenario, chart in charted]
    # Each fault arrives on its own, as if from a patient of its own: anywhere in the feed.
    broken = [(fault,) for fault in faults(faulty_for.patient, faulty_for.calendar)]
    feed = interleaved([*patients, *broken], Random(seed))
    return Simulation(
        as_of=as_of,
        seed=seed,
        messages=feed,
        expected=tuple(each for scenario, chart in charted for each in _expected(scenario, chart)),
        expected_feed=sum((m.counts for m in feed), ExpectedFeed()),
    )


def _expected(scenario: Scenario, chart: Chart) -> Iterator[ExpectedPatient]:
    yield scenario.expectation(chart.hospital.site, chart.patient, chart.calendar)
    if scenario.second is not None:
        yield scenario.of_second(chart.hospital.site, chart.second.patient)


def placed() -> Iterator[tuple[Scenario, str, str]]:
    """Every scenario with its site and patient id; both sites count from the same first number."""
    admitted = dict.fromkeys(HOSPITALS, 0)
    for scenario in SCENARIOS:
        # Those without a site of their own go where fewer patients are.
        emptier = NORTH.site if admitted[NORTH.site] <= admitted[SOUTH.site] else SOUTH.site
        site = scenario.site or emptier
        yield scenario, site, str(_FIRST_PATIENT + admitted[site])
        admitted[site] += 1


def _chart(site: str, patient: str, as_of: date) -> Chart:
    hospital = HOSPITALS[site]
    return Chart(hospital, patient, Calendar(as_of, hospital.zone))

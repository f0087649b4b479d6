"""The whole cohort through the whole local stack: four service processes, a broker, Postgres; feed in, decisions out."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from services.cli import installation
from services.cli.demo import compare, publish
from services.cli.demo.commands import DEMO_DATE
from services.cli.demo.run import PROTOCOL, phase_messages, settle
from services.cli.demo.summary import Summary, summarise
from services.cli.simulate import Simulation, simulate
from services.cli.simulate.model import PHASES, ExpectedPatient
from services.cli.stack import Stack, current, start_services, up
from shared import events
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import postgres, status
from shared.runtime.postgres import Pool
from tests.support import document_reader
from tests.support.database import Database, make_hasty
from tests.support.document_reader import Read
from tests.support.feed import SITES
from tests.support.stack import chosen_broker, stack_home, without_users_own_servers

PER_SECOND: Final = 5_000
Statuses = dict[UUID, str]
UNTOLD: Final = ("not_candidate", "off_study", "merged")
"""Statuses that are no news of somebody who never concerned the trial."""


@dataclass(frozen=True)
class Run:
    """What a run of the cohort ended in, and what it said on the way."""

    simulation: Simulation
    keys: HmacKeys
    summary: Summary
    statuses: dict[int, Statuses]
    """Current screening status of each patient when a phase had settled."""
    announced: dict[int, dict[UUID, list[events.ScreeningStatusChanged]]]
    """Events of changed status committed within each phase, in order."""
    read: list[Read]
    """What a consumer that knows only the published AsyncAPI document found on our topics."""
    outboxes: set[str]
    """Ids of all events in the outboxes."""

    def patient(self, expected: ExpectedPatient) -> UUID:
        """The pseudonym of a patient of the cohort."""
        return self.keys.patient(expected.site, expected.patient)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The cohort, streamed in its phases, each awaited; the stack is stopped after the tests."""
    with stack_home(tmp_path_factory.mktemp("cohort")) as home, without_users_own_servers():
        stack = up(home, broker=chosen_broker(), topics=installation.topic_specs(), prepare=installation.prepare)
        asyncio.run(make_hasty(stack.database_url))
        environment = installation.service_environment(home, SITES, DEMO_DATE)
        start_services(home, ("ingest", *status.DECIDING), environment)
        simulation = simulate(date.fromisoformat(DEMO_DATE))
        yield asyncio.run(_stream(stack, simulation, home))
        for process in set(_running(home).values()) - set(stack.pids.values()):
            os.kill(process, signal.SIGKILL)  # they have nothing left to do, and waiting for them costs seconds


def test_every_statement_about_the_cohort_is_concluded(run: Run) -> None:
    """Screening, response, safety and feed counts are what the scenarios were built to give."""
    assert run.summary.agreement.mismatches == []
    assert run.summary.agreement.checked > 1_000


def test_every_message_is_accounted_for(run: Run) -> None:
    """What was published is accepted, accepted with issues, rejected or out of scope, as built in; nothing failed."""
    assert run.summary.unaccounted == 0
    assert run.summary.feed == run.summary.expected_feed
    assert run.summary.failures == []


@pytest.mark.parametrize("phase", PHASES)
def test_statuses_after_each_phase_are_as_built_in(run: Run, phase: int) -> None:
    """When a phase has settled, every patient has the status that the scenario states for that phase."""
    wrong = {
        e.scenario: (e.status_after_phase[phase], run.statuses[phase].get(run.patient(e)))
        for e in run.simulation.expected
        if run.statuses[phase].get(run.patient(e)) != e.status_after_phase[phase]
    }
    assert wrong == {}


@pytest.mark.parametrize("phase", PHASES)
def test_events_tell_each_change_of_a_phase(run: Run, phase: int) -> None:
    """A status that another phase ended with is told by events whose last one ends at it."""
    for expected in run.simulation.expected:
        before = run.statuses.get(phase - 1, {}).get(run.patient(expected))
        after = expected.status_after_phase[phase]
        told = run.announced[phase].get(run.patient(expected), [])
        is_untold = after in UNTOLD and before in (None, *UNTOLD)
        if after != before and not is_untold:
            assert told, (expected.scenario, before, after)
        if told:
            assert told[-1].status == after, expected.scenario


def test_each_event_takes_up_where_the_one_before_ended(run: Run) -> None:
    """Read in order, the events of a patient are one story: each begins at the status that the last one told."""
    for expected in run.simulation.expected:
        story = [e for phase in PHASES for e in run.announced[phase].get(run.patient(expected), [])]
        assert [b.before for _, b in pairwise(story)] == [a.status for a, _ in pairwise(story)], expected.scenario


def test_a_consumer_of_the_published_document_reads_every_event(run: Run) -> None:
    """Each event that was committed is found, and every message of ours is as the document says."""
    assert {(r.channel, r.message, r.faults) for r in run.read if r.faults} == set()
    assert {r.id for r in run.read if r.id is not None} == run.outboxes
    assert {r.channel for r in run.read} == set(document_reader.reader().channels)


def _running(home: Path) -> dict[str, int]:
    """Process ids of everything the stack started, by name."""
    stack = current(home)
    return stack.pids if stack is not None else {}


async def _stream(stack: Stack, simulation: Simulation, home: Path) -> Run:
    protocols = protocol_files.load()
    keys = HmacKeys(installation.pseudonym_key(home).encode())
    statuses: dict[int, Statuses] = {}
    announced: dict[int, dict[UUID, list[events.ScreeningStatusChanged]]] = {}
    started, delivered = time.perf_counter(), 0
    async with await postgres.connect(stack.database_url, "reader", size=2) as pool:
        for phase in PHASES:
            messages = phase_messages(simulation, [], phase)
            await publish.publish(stack.bootstrap_servers, messages, PER_SECOND, lambda _: None)
            delivered += sum(m.delivers for m in messages)
            await settle(pool, protocols, delivered)
            statuses[phase] = await _statuses(pool)
            announced[phase] = await _announced(Database(stack.database_url), announced)
        checks = await _checks(pool, simulation, keys)
        summary = await summarise(pool, protocols, checks, delivered, time.perf_counter() - started, simulation)
    read = await document_reader.reader().read(stack.bootstrap_servers)
    return Run(simulation, keys, summary, statuses, announced, read, await _outboxes(Database(stack.database_url)))


async def _outboxes(database: Database) -> set[str]:
    union = " UNION ".join(f"SELECT event_id FROM {service}.outbox" for service in status.DECIDING)
    return {str(row["event_id"]) for row in await database.rows(union)}


async def _statuses(pool: Pool) -> Statuses:
    found = await status.current_outcomes(pool, "eligibility", PROTOCOL)
    return {
        patient: "merged" if ("merged", "") in outcomes else outcomes["screening", ""]["status"]
        for patient, outcomes in found.items()
    }


async def _announced(
    database: Database, earlier: dict[int, dict[UUID, list[events.ScreeningStatusChanged]]]
) -> dict[UUID, list[events.ScreeningStatusChanged]]:
    """The events of changed status since the earlier phases."""
    rows = await database.rows("SELECT patient, event::text AS event FROM eligibility.outbox ORDER BY sequence")
    told: dict[UUID, list[events.ScreeningStatusChanged]] = defaultdict(list)
    for row in rows:
        event = events.decode(row["event"].encode())
        if isinstance(event, events.ScreeningStatusChanged):
            told[row["patient"]].append(event)
    heard = {patient: sum(len(phase.get(patient, [])) for phase in earlier.values()) for patient in told}
    return {patient: story[heard[patient] :] for patient, story in told.items()}


async def _checks(pool: Pool, simulation: Simulation, keys: HmacKeys) -> list[compare.Check]:
    concluded = [await status.current_outcomes(pool, service, PROTOCOL) for service in status.DECIDING]
    return [
        check
        for expected in simulation.expected
        for check in compare.check(
            expected, *(found.get(keys.patient(expected.site, expected.patient), {}) for found in concluded)
        )
    ]

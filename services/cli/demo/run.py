"""Runs the demonstration: stack, services, feed in phases, each awaited, then the comparison. Decides only the order."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from services.cli import installation
from services.cli.demo import background, compare, publish
from services.cli.demo.summary import Summary, summarise
from services.cli.simulate import simulate
from services.cli.simulate.model import FeedMessage, Simulation
from services.cli.stack import Stack, StackError, down, ports, start_services, up
from services.cli.stack.model import BrokerKind
from services.cli.stack.state import load as load_state
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import notify_status, postgres, status

PROTOCOL: Final = "camrelizumab-hcc-transplant"
_SETTLE_SECONDS: Final = 90.0
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Plan:
    """What to demonstrate and how fast."""

    home: Path
    sites: Path
    as_of: date
    seed: int
    per_second: int
    broker: BrokerKind
    keep: bool = False
    """Leave stack, services and console running."""
    background: bool = True
    """With the records of a hospital of which most concern no trial."""


@dataclass(frozen=True)
class Progress:
    """How the demonstration tells how far it is."""

    say: Callable[[str], None]
    begin: Callable[[str, int], None]
    advance: Callable[[int], None]


def demonstrate(plan: Plan, progress: Progress) -> Summary:
    """Run it all on an empty stack; raises StackError where something outside is wrong."""
    progress.say("generating the background hospital (clinosim) and the cohort")
    generation = background.Generation(plan.home / "background", plan.as_of) if plan.background else None
    if generation:
        generation.begin()
    simulation = simulate(plan.as_of, plan.seed)
    stack = _empty_stack(plan, progress)
    environment = installation.service_environment(plan.home, plan.sites, plan.as_of.isoformat())
    start_services(plan.home, installation.SERVICES, environment, progress=progress.say)
    hospital = background.messages(generation.finish()) if generation else []
    summary = None
    try:
        summary = asyncio.run(_stream(plan, stack, simulation, hospital, progress))
        if plan.keep:
            start_services(plan.home, [installation.CONSOLE], environment, progress=progress.say)
        return summary
    finally:
        if summary is None or not plan.keep:
            progress.say("stopping the services and the stack (the data stays)")
            down(plan.home)


def console_address(home: Path) -> str | None:
    """Where the console of a demonstration that was left running is."""
    service = load_state(home).services.get(installation.CONSOLE)
    return f"http://{ports.HOST}:{service.port}/" if service else None


def _empty_stack(plan: Plan, progress: Progress) -> Stack:
    """A stack whose database and broker hold nothing: of the demonstration's own home, so nothing else is lost."""
    down(plan.home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(plan.home / data, ignore_errors=True)
    stack = up(
        plan.home,
        broker=plan.broker,
        topics=installation.topic_specs(),
        prepare=installation.prepare,
        progress=progress.say,
    )
    if asyncio.run(_patients(stack)):
        raise StackError("The demonstration needs an empty database; DATABASE_URL names one that holds patients.")
    return stack


async def _patients(stack: Stack) -> int:
    async with await postgres.connect(stack.database_url, "reader", size=1) as pool:
        found: int = await pool.fetchval(postgres.queries("status")["patients"])
        return found


async def _stream(
    plan: Plan, stack: Stack, simulation: Simulation, hospital: Sequence[FeedMessage], progress: Progress
) -> Summary:
    protocols = protocol_files.load(None)
    started = time.perf_counter()
    async with await postgres.connect(stack.database_url, "reader", size=2) as pool:
        delivered = 0
        for phase in sorted({m.phase for m in simulation.messages}):
            messages = phase_messages(simulation, hospital, phase)
            progress.begin(f"phase {phase}: streaming {len(messages)} messages", len(messages))
            await publish.publish(stack.bootstrap_servers, messages, plan.per_second, progress.advance)
            delivered += sum(m.delivers for m in messages)
            progress.say(f"phase {phase}: waiting until every patient is evaluated")
            await settle(pool, protocols, delivered)
        seconds = time.perf_counter() - started
        progress.say("waiting until everybody concerned is told")
        await tell(pool)
        keys = HmacKeys(installation.pseudonym_key(plan.home).encode())
        checks = await _check(pool, simulation, keys)
        return await summarise(pool, protocols, checks, delivered, seconds, simulation)


def phase_messages(simulation: Simulation, hospital: Sequence[FeedMessage], phase: int) -> list[FeedMessage]:
    """The messages of one phase: the cohort's among the background's, a part of which streams in each phase."""
    phases = sorted({m.phase for m in simulation.messages})
    part = [m for i, m in enumerate(hospital) if phases[i * len(phases) // len(hospital)] == phase]
    return publish.mix([m for m in simulation.messages if m.phase == phase], part)


async def settle(
    pool: postgres.Pool, protocols: dict[str, Protocol], delivered: int, limit: float = _SETTLE_SECONDS
) -> None:
    """Wait until every delivered resource is accounted for, every patient evaluated, and every event relayed."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        counted = sum(c.resources for c in await status.feed_counts(pool))
        if counted >= delivered and not any((await status.behind(pool, protocols)).values()):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    counted = sum(c.resources for c in await status.feed_counts(pool))
    waiting = await status.behind(pool, protocols)
    raise StackError(
        f"The services did not finish within {limit:.0f} s: {delivered} resources delivered, {counted} accounted for; "
        f"yet to be evaluated or relayed: {waiting}. `graftwatch stack logs` shows why."
    )


async def tell(pool: postgres.Pool, limit: float = _SETTLE_SECONDS) -> None:
    """Wait until notify has decided about every event, and delivered what is due."""
    deadline = time.monotonic() + limit
    while left := await notify_status.outstanding(pool):
        if time.monotonic() > deadline:
            raise StackError(
                f"Notify did not finish within {limit:.0f} s: {left} events or deliveries left. "
                "`graftwatch stack logs notify` shows why."
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _check(pool: postgres.Pool, simulation: Simulation, keys: HmacKeys) -> list[compare.Check]:
    screening, response, safety = [
        await status.current_outcomes(pool, service, PROTOCOL) for service in status.DECIDING
    ]
    checks: list[compare.Check] = []
    for expected in simulation.expected:
        patient = keys.patient(expected.site, expected.patient)
        of = (found.get(patient, {}) for found in (screening, response, safety))
        checks += compare.check(expected, *of)
    return checks
